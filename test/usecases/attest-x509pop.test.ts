import { createPublicKey, hash } from 'node:crypto';
import { x509popAttestor } from '../../src/adapters/attestors/x509pop.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import type { X509LeafPlan } from '../../src/domain/x509-profile.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { answered, attestWith, possessionBy, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, type TestCa, type TestKey, TRUST_DOMAIN } from '../support/x509.ts';

let it: TestAttesting;
let root: TestCa;
let issuing: TestCa;

beforeAll(async () => {
  root = await newCa();
  issuing = await newCa(root);
  const authorities = [encodePem('CERTIFICATE', root.certificate.der)];
  it = await startAttesting([x509popAttestor({ trustDomain: TRUST_DOMAIN, authorities })]);
});
afterAll(() => it.close());
beforeEach(() => it.ledger.clock.set(NOW * 1000));

const base64 = (der: Uint8Array) => Buffer.from(der).toString('base64');

/** A node's certificate below `ca`, with the chain that it sends. */
const nodeCertificate = async (key: TestKey, changes: Partial<X509LeafPlan> = {}, ca = issuing) => {
  const leaf = await issueLeaf(ca, leafPlan(ca, key, changes));
  return { leaf, chain: [base64(leaf), base64(ca.certificate.der)] };
};

const refused = expect.objectContaining({
  code: 'attestation_refused',
  message: 'the evidence was not accepted',
  decisionId: expect.any(String),
});
const reason = () => it.lastDenial()?.reason;

describe('x509pop', () => {
  test.each(['p256', 'p384', 'rsa'] as const)('a certificate with a %s key makes an agent', async (type) => {
    const key = newKey(type);
    const { leaf, chain } = await nodeCertificate(key);
    const { csr, challenge, signature } = answered(it, key);
    const identity = await attestWith(it, 'x509pop', { chain, signature }, { csr, challenge });
    const fingerprint = hash('sha256', leaf, 'hex');
    expect(identity).toMatchObject({
      role: 'agent',
      spiffeId: `spiffe://example.org/mayfly/agent/x509pop/${fingerprint}`,
    });
  });

  test('what the certificate says becomes selectors', async () => {
    const key = newKey();
    const subject = { organization: 'example.org', commonName: 'node-7' };
    const { leaf, chain } = await nodeCertificate(key, { subject, dnsNames: ['node-7.example.org'] });
    const { csr, challenge, signature } = answered(it, key);
    const { attestation } = await attestWith(it, 'x509pop', { chain, signature }, { csr, challenge });
    const serial = it
      .facts('attested')
      .at(-1)
      ?.selectors.find((one) => one.startsWith('x509pop:serialnumber:'));
    expect(serial).toMatch(/^x509pop:serialnumber:[1-9a-f][0-9a-f]*$|^x509pop:serialnumber:0[1-9a-f][0-9a-f]*$/);
    const selectors = it.ledger.views.attestations.get(attestation)?.selectors ?? [];
    expect(new Set(selectors)).toEqual(
      new Set([
        `x509pop:ca:fingerprint:${hash('sha256', issuing.certificate.der, 'hex')}`,
        `x509pop:ca:fingerprint:${hash('sha256', root.certificate.der, 'hex')}`,
        `x509pop:fingerprint:${hash('sha256', leaf, 'hex')}`,
        'x509pop:san:dns:node-7.example.org',
        'x509pop:san:uri:spiffe://example.org/payments/api',
        serial,
        'x509pop:subject:cn:node-7',
        'x509pop:subject:o:example.org',
      ]),
    );
  });

  test('as a workload it gets the one identity that its selectors give', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key, { subject: { commonName: 'batch' } });
    const entry = await it.entry('batch', { selectors: ['x509pop:subject:cn:batch'] });
    await it.entry('batch-2', { selectors: ['x509pop:subject:cn:batch', 'x509pop:subject:o:nobody'] });
    const { csr, challenge, signature } = answered(it, key);
    const identity = await attestWith(it, 'x509pop', { chain, signature }, { csr, challenge, role: 'agentless' });
    expect(identity).toMatchObject({ role: 'agentless', spiffeId: entry.spiffeId, notAfter: NOW + 600 });
    expect(identity.renewUntil).toBe(NOW + 86_400);
  });

  test('no identity where no entry matches, and the denial names the selectors', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key, { subject: { commonName: 'lonely' } });
    const { csr, challenge, signature } = answered(it, key);
    await expect(
      attestWith(it, 'x509pop', { chain, signature }, { csr, challenge, role: 'agentless' }),
    ).rejects.toThrow(expect.objectContaining({ code: 'no_identity' }));
    expect(it.lastDenial()?.selectors).toContain('x509pop:subject:cn:lonely');
  });

  test('with several identities the caller has to say which', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key, { subject: { commonName: 'twin' } });
    await it.entry('twin-a', { selectors: ['x509pop:subject:cn:twin'] });
    const b = await it.entry('twin-b', { selectors: ['x509pop:subject:cn:twin'] });
    const ask = (spiffeId?: string) => {
      const { csr, challenge, signature } = answered(it, key);
      const choice = spiffeId === undefined ? {} : { spiffeId: parseSpiffeId(spiffeId) };
      return attestWith(it, 'x509pop', { chain, signature }, { csr, challenge, role: 'agentless', ...choice });
    };
    await expect(ask()).rejects.toThrow(expect.objectContaining({ code: 'ambiguous_identity', field: 'spiffeId' }));
    await expect(ask(b.spiffeId)).resolves.toMatchObject({ spiffeId: b.spiffeId });
    await expect(ask('spiffe://example.org/twin-c')).rejects.toThrow(expect.objectContaining({ code: 'no_identity' }));
  });
});

describe('certificates that do not count', () => {
  const tryChain = async (chain: readonly string[], key: TestKey) => {
    const { csr, challenge, signature } = answered(it, key);
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).rejects.toThrow(refused);
  };

  test('of an authority that nobody named', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key, {}, await newCa());
    await tryChain(chain, key);
    expect(reason()).toMatch(/no path/);
  });

  test('that brings its own root along', async () => {
    const key = newKey();
    const foreign = await newCa();
    const below = await newCa(foreign);
    const { chain } = await nodeCertificate(key, {}, below);
    await tryChain([...chain, base64(foreign.certificate.der)], key);
  });

  test('that has ended, or not begun', async () => {
    const key = newKey();
    await tryChain((await nodeCertificate(key, { notBefore: NOW - 100, notAfter: NOW - 60 })).chain, key);
    expect(reason()).toMatch(/expired/);
    await tryChain((await nodeCertificate(key, { notBefore: NOW + 60, notAfter: NOW + 100 })).chain, key);
    expect(reason()).toMatch(/not valid yet/);
  });

  test('without its intermediate', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    await tryChain(chain.slice(0, 1), key);
  });

  test('of a CA', async () => {
    await tryChain([base64(issuing.certificate.der)], issuing.key);
    expect(reason()).toMatch(/CA certificate/);
  });

  test('in a chain that is too long, without any of it being read', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    await tryChain([...chain, ...Array.from({ length: 4 }, () => base64(Buffer.from('noise')))], key);
    expect(reason()).toMatch(/chain does not have the form/);
  });

  test('that are too long', async () => {
    await tryChain([base64(Buffer.alloc(8 * 1024 + 1, 0x30))], newKey());
    expect(reason()).toMatch(/chain\.0 does not have the form/);
  });

  test('with an RSA key that would cost us time', async () => {
    const n = Buffer.alloc(2048, 0xff).toString('base64url');
    const huge = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    const spki = huge.export({ type: 'spki', format: 'der' });
    const { chain } = await nodeCertificate({ ...newKey(), type: 'rsa', spki });
    await tryChain(chain, newKey());
    expect(reason()).toMatch(/RSA key that is too short or too long/);
  });

  test.each([
    ['noise', [Buffer.from('noise').toString('base64')]],
    ['no base64', ['***']],
    ['base64 in another form', ['AAB=']],
    ['nothing', []],
  ])('made of %s', async (_what, chain) => {
    await tryChain(chain, newKey());
  });
});

describe('proof of possession (DEC-15)', () => {
  test('by another key', async () => {
    const { chain } = await nodeCertificate(newKey());
    const { csr, challenge, signature } = answered(it, newKey());
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).rejects.toThrow(refused);
    expect(reason()).toMatch(/certificate key: the signature does not verify/);
  });

  test('over another request', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    const { challenge, signature } = answered(it, key);
    const csr = writeCsr(newKey().privateKey);
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).rejects.toThrow(refused);
  });

  test('over another nonce, or none', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    const { csr, signature } = answered(it, key);
    const { challenge } = answered(it, key);
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).rejects.toThrow(refused);
    const bare = possessionBy(key, csr).toString('base64');
    await expect(attestWith(it, 'x509pop', { chain, signature: bare }, { csr, challenge })).rejects.toThrow(refused);
    await expect(attestWith(it, 'x509pop', { chain, signature: bare }, { csr })).rejects.toThrow(refused);
    expect(reason()).toMatch(/challenge is missing/);
  });

  test('with a challenge that was used, by the same key too, even at once', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    const { csr, challenge, signature } = answered(it, key);
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, () => attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).rejects.toThrow(refused);
    expect(reason()).toBe('challenge was used before');
  });

  test('with a challenge that has expired', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    const { csr, challenge, signature } = answered(it, key);
    it.ledger.clock.advance(60_000);
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).rejects.toThrow(refused);
    expect(reason()).toBe('the challenge has expired');
  });

  test('a challenge survives a refusal', async () => {
    const key = newKey();
    const { chain } = await nodeCertificate(key);
    const { csr, challenge, signature } = answered(it, key);
    await expect(attestWith(it, 'x509pop', { chain: [], signature }, { csr, challenge })).rejects.toThrow(refused);
    await expect(attestWith(it, 'x509pop', { chain, signature }, { csr, challenge })).resolves.toBeDefined();
  });
});

test('authorities that are no certificates do not start', () => {
  expect(() => x509popAttestor({ trustDomain: TRUST_DOMAIN, authorities: ['nothing'] })).toThrow(/PEM/);
});
