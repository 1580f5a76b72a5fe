import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOauthWorld } from '../../support/journey-oauth.ts';
import { newKey } from '../../support/x509.ts';
import { newHierarchy, ourLeaf, pem } from '../samples/x509.ts';

/** An X.509-SVID on disk: paths of the chain and of the key. */
export interface Credential {
  readonly spiffeId: string;
  readonly cert: string;
  readonly key: string;
  readonly certPem: string;
  readonly keyPem: string;
}

type Name = 'server' | 'alice' | 'bob' | 'nameless' | 'stranger';

/** A running Mayfly and what it gave to the people of the story. */
export interface World {
  readonly folder: string;
  /** PEM of the roots, on disk and as text. */
  readonly bundle: string;
  readonly bundlePem: string;
  /**
   * `server` is called localhost; `alice` and `bob` have common names; `nameless` has none. `stranger` says that it is alice,
   * under another root.
   */
  readonly credentials: Readonly<Record<Name, Credential>>;
}

const writeCredential = (
  folder: string,
  name: string,
  { spiffeId, certPem, keyPem }: Omit<Credential, 'cert' | 'key'>,
): Credential => {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem, { mode: 0o600 });
  return { spiffeId, certPem, keyPem, cert, key };
};

const stranger = async (folder: string): Promise<Credential> => {
  const { issuing } = await newHierarchy('p256');
  const key = newKey();
  const leaf = await ourLeaf(issuing, key, { subject: { organization: 'example.org', commonName: 'alice' } });
  return writeCredential(folder, 'stranger', {
    spiffeId: 'spiffe://example.org/payments/api',
    certPem: pem([leaf, issuing.certificate.der]),
    keyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
};

/** Lets Mayfly issue to everyone, and runs `story` with it. */
export const withWorld = async (story: (world: World) => Promise<void>): Promise<void> => {
  const oauth = await startOauthWorld({
    configure: (server) => ({ ...server, names: { commonNames: ['*'], dnsNames: ['localhost'] } }),
  });
  const { journey, agent } = oauth;
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-servers-'));
  try {
    const svids = join(folder, 'svids');
    mkdirSync(svids);
    const obtain = async (name: string, more: object): Promise<Credential> => {
      await journey.entry(name, { parentId: agent.spiffeId, ...more });
      const { spiffeId, cert: certPem, keyPem } = await oauth.svid(name);
      return writeCredential(svids, name, { spiffeId, certPem, keyPem });
    };
    const bundlePem = pem(journey.roots());
    const bundle = join(folder, 'bundle.pem');
    writeFileSync(bundle, bundlePem);
    await story({
      folder,
      bundle,
      bundlePem,
      credentials: {
        server: await obtain('server', { dnsNames: ['localhost'] }),
        alice: await obtain('alice', { commonName: 'alice' }),
        bob: await obtain('bob', { commonName: 'bob' }),
        nameless: await obtain('nameless', {}),
        stranger: await stranger(svids),
      },
    });
  } finally {
    await journey.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
