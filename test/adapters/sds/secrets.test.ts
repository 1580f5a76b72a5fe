import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  type SecretMessage,
  secretType,
  SPIFFE_VALIDATOR_TYPE_URL,
  spiffeValidatorType,
} from '../../../src/adapters/sds/messages.ts';
import { createSecretsOf, type Secret, SECRET_NAMES } from '../../../src/adapters/sds/secrets.ts';
import type { WorkloadState } from '../../../src/agent/workload-session.ts';
import { parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../../support/x509.ts';
import { DB, heldSvid, trustBundle, WEB, workloadState } from './workload-states.ts';

const secretsOf = createSecretsOf(SECRET_NAMES);

const read = (secret: Secret | undefined): SecretMessage => {
  if (secret === undefined) throw new Error('there is no such secret');
  return secretType.deserialize(Buffer.from(secret.value));
};

const text = (pem: { readonly inlineBytes: Uint8Array } | undefined | null): string =>
  Buffer.from(pem?.inlineBytes ?? []).toString();

/** What lies inside the blocks of a PEM text. */
const blocks = (pem: string): readonly string[] =>
  [...pem.matchAll(/-----BEGIN [A-Z ]+-----\n(?<body>[^-]+)-----END/g)].map(({ groups }) =>
    Buffer.from(groups?.['body'] ?? '', 'base64').toString(),
  );

const chainOf = (state: WorkloadState, name: string): readonly string[] =>
  blocks(text(read(secretsOf(state, 'spiffe').find(name)).tlsCertificate?.certificateChain));

/** Trust domains in order, each with its roots. */
const domainsOf = (state: WorkloadState, name: string): readonly [string, readonly string[]][] => {
  const { validationContext } = read(secretsOf(state, 'spiffe').find(name));
  const config = validationContext?.customValidatorConfig;
  if (config === undefined) throw new Error('there is no validator');
  return spiffeValidatorType
    .deserialize(Buffer.from(config.typedConfig.value))
    .trustDomains.map(({ name: domain, trustBundle: roots }) => [domain, blocks(text(roots))]);
};

const plainRoots = (state: WorkloadState, name: string): readonly string[] =>
  blocks(text(read(secretsOf(state, 'trusted_ca').find(name)).validationContext?.trustedCa));

const state = workloadState();

describe('certificates', () => {
  // SDS-1, SDS-7
  test('default is the first identity, leaf first', () => {
    expect(chainOf(state, 'default')).toEqual([`leaf ${WEB} 1`, 'issuing']);
  });

  // SDS-2
  test.each([WEB, DB])('%s is that identity', (id) => {
    expect(chainOf(state, id)).toEqual([`leaf ${id} 1`, 'issuing']);
  });

  // SDS-7
  test('chain and key are PEM that is read as such, the key as PKCS #8', async () => {
    const [root, key] = [await newCa(), newKey()];
    const issuing = await newCa(root);
    const leaf = await issueLeaf(issuing, leafPlan(issuing, key));
    const real = workloadState({
      svids: [
        {
          spiffeId: parseSpiffeId(WEB),
          chain: [leaf, issuing.certificate.der],
          key: key.privateKey.export({ type: 'pkcs8', format: 'der' }),
          notAfter: 0,
        },
      ],
    });
    const tls = read(secretsOf(real, 'spiffe').find('default')).tlsCertificate;
    const chain = text(tls?.certificateChain);
    expect(chain.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(2);
    const first = new X509Certificate(chain);
    expect(first.raw.equals(leaf)).toBe(true);
    expect(text(tls?.privateKey)).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(first.checkPrivateKey(createPrivateKey(text(tls?.privateKey)))).toBe(true);
  });

  test('of two with one SPIFFE ID the first is given', () => {
    const twice = workloadState({ svids: [heldSvid(WEB, 1), heldSvid(WEB, 2)] });
    expect(chainOf(twice, WEB)).toEqual([`leaf ${WEB} 1`, 'issuing']);
    expect(secretsOf(twice, 'spiffe').everything.filter((name) => name === WEB)).toHaveLength(1);
  });
});

describe('validation contexts for the SPIFFE validator', () => {
  // SDS-3, SDS-4
  test.each(['ROOTCA', 'spiffe://example.org'])('%s holds the own trust domain alone', (name) => {
    expect(domainsOf(state, name)).toEqual([['example.org', ['root']]]);
  });

  // SDS-4
  test('a federated trust domain is found by its name', () => {
    expect(domainsOf(state, 'spiffe://aunt.example')).toEqual([['aunt.example', ['aunt root', 'aunt spare']]]);
  });

  // SDS-5
  test('ALL holds all of them, sorted by name', () => {
    expect(domainsOf(state, 'ALL').map(([name]) => name)).toEqual(['aunt.example', 'example.org', 'partner.example']);
  });

  // SDS-8
  test('they name the validator and have no plain roots', () => {
    for (const name of ['ROOTCA', 'ALL', 'spiffe://example.org']) {
      const { validationContext } = read(secretsOf(state, 'spiffe').find(name));
      expect(validationContext?.customValidatorConfig?.name).toBe('envoy.tls.cert_validator.spiffe');
      expect(validationContext?.customValidatorConfig?.typedConfig.type_url).toBe(SPIFFE_VALIDATOR_TYPE_URL);
      expect(validationContext?.trustedCa ?? undefined).toBeUndefined();
    }
  });

  // SDS-11
  test('a trust domain without roots is left out, and is not found by name', () => {
    const empty = workloadState({ federated: [trustBundle('aunt.example'), trustBundle('partner.example', 'root 2')] });
    expect(domainsOf(empty, 'ALL').map(([name]) => name)).toEqual(['example.org', 'partner.example']);
    expect(secretsOf(empty, 'spiffe').find('spiffe://aunt.example')).toBeUndefined();
    expect(secretsOf(empty, 'spiffe').everything).not.toContain('spiffe://aunt.example');
  });

  // SDS-11
  test('with no roots at all there is none', () => {
    const bare = workloadState({ bundle: trustBundle('example.org'), federated: [] });
    for (const name of ['ROOTCA', 'ALL', 'spiffe://example.org']) {
      expect(secretsOf(bare, 'spiffe').find(name)).toBeUndefined();
    }
    expect(secretsOf(bare, 'spiffe').find('default')).toBeDefined();
  });
});

describe('plain validation contexts', () => {
  // SDS-9
  test.each([
    ['ROOTCA', ['root']],
    ['spiffe://example.org', ['root']],
    ['spiffe://aunt.example', ['aunt root', 'aunt spare']],
  ])('%s holds roots and no validator', (name, roots) => {
    expect(plainRoots(state, name)).toEqual(roots);
    const { validationContext } = read(secretsOf(state, 'trusted_ca').find(name));
    expect(validationContext?.customValidatorConfig ?? undefined).toBeUndefined();
  });

  // SDS-10
  test('ALL does not exist, since it would pool trust domains', () => {
    expect(secretsOf(state, 'trusted_ca').find('ALL')).toBeUndefined();
  });
});

describe('names', () => {
  // SDS-6
  test.each(['default', 'ROOTCA', 'ALL', WEB, 'spiffe://example.org', 'spiffe://aunt.example'])(
    '%s is the name of what is found by it',
    (name) => {
      const secret = secretsOf(state, 'spiffe').find(name);
      expect([secret?.name, read(secret).name]).toEqual([name, name]);
    },
  );

  // SDS-2, SDS-4, SDS-29
  test.each([
    '',
    '*',
    'Default',
    'rootca',
    'spiffe://example.org/',
    'spiffe://example.org/we',
    'spiffe://example.org/web/',
    'spiffe://EXAMPLE.org/web',
    'spiffe://other.example',
    'spiffe://',
    'example.org',
    'file-root:system',
    'file-cert:/etc/certs/tls.crt~/etc/certs/tls.key',
    'kubernetes://credential',
    '__proto__',
    'constructor',
  ])('%j is unknown', (name) => {
    expect(secretsOf(state, 'spiffe').find(name)).toBeUndefined();
  });

  // SDS-27
  test('everything is each identity and each trust domain once', () => {
    expect([...secretsOf(state, 'spiffe').everything].sort()).toEqual(
      [WEB, DB, 'spiffe://example.org', 'spiffe://aunt.example', 'spiffe://partner.example'].sort(),
    );
  });

  // SDS-1, SDS-3, SDS-5
  test('may be the operator’s', () => {
    const secrets = createSecretsOf({ defaultSvid: 'mine', defaultBundle: 'ours', allBundles: 'every' })(
      state,
      'spiffe',
    );
    expect(['mine', 'ours', 'every'].map((name) => secrets.find(name)?.name)).toEqual(['mine', 'ours', 'every']);
    expect(['default', 'ROOTCA', 'ALL'].map((name) => secrets.find(name))).toEqual([undefined, undefined, undefined]);
  });
});

describe('versions', () => {
  const version = (of: WorkloadState, name: string): string => secretsOf(of, 'spiffe').find(name)?.version ?? 'none';

  // SDS-41
  test('are the same for the same content in another state', () => {
    for (const name of ['default', WEB, 'ROOTCA', 'ALL'])
      expect(version(workloadState(), name)).toBe(version(state, name));
  });

  test('change with the content, and only then', () => {
    const rotated = workloadState({ svids: [heldSvid(WEB, 2), heldSvid(DB)] });
    const changed = ['default', WEB, DB, 'ROOTCA', 'ALL'].filter(
      (name) => version(rotated, name) !== version(state, name),
    );
    expect(changed).toEqual(['default', WEB]);
  });

  test('a new root changes what holds it', () => {
    const prepared = workloadState({ bundle: trustBundle('example.org', 'root', 'next root') });
    const changed = ['default', 'ROOTCA', 'spiffe://example.org', 'spiffe://aunt.example', 'ALL'].filter(
      (name) => version(prepared, name) !== version(state, name),
    );
    expect(changed).toEqual(['ROOTCA', 'spiffe://example.org', 'ALL']);
  });

  test('what was written from a state is kept with it', () => {
    const first = secretsOf(state, 'spiffe').find('default');
    expect(secretsOf(state, 'spiffe').find('default')).toBe(first);
    expect(secretsOf(state, 'trusted_ca').find('default')).not.toBe(first);
    expect(secretsOf(workloadState(), 'spiffe').find('default')).not.toBe(first);
  });
});
