import { hash } from 'node:crypto';
import type { KeyId } from '../../../src/domain/authority.ts';
import { bundleDocument } from '../../../src/formats/bundle.ts';
import { jwksDocument } from '../../../src/formats/jwk.ts';
import { testKey } from '../../support/jwt-keys.ts';
import type { SampleFolder } from './manifest.ts';
import { type Ders, newHierarchy } from './x509.ts';

interface Entry {
  readonly kid?: string;
  readonly use?: string;
  readonly x5c?: readonly string[];
}

/** What a reader has to find in a key set: its kids, in order of their text. */
const kidsOf = (document: string, use: string): readonly string[] =>
  (JSON.parse(document) as { keys: Entry[] }).keys.flatMap((key) => (key.use === use ? [key.kid ?? ''] : [])).sort();

export const addJwks = (folder: SampleFolder, name: string, document: string): string => {
  const keys = folder.file(`keys/${name.replaceAll(/[^a-z0-9]+/gi, '-')}.json`, document);
  folder.add({ kind: 'jwks', name, keys, facts: { kids: kidsOf(document, 'sig') } });
  return keys;
};

export const addBundle = (folder: SampleFolder, name: string, document: string, roots: Ders): string => {
  const bundle = folder.file(`keys/${name.replaceAll(/[^a-z0-9]+/gi, '-')}.json`, document);
  const parsed = JSON.parse(document) as { spiffe_sequence: number; spiffe_refresh_hint?: number };
  folder.add({
    kind: 'bundle',
    name,
    bundle,
    facts: {
      x509: roots.map((der) => hash('sha256', der, 'hex')).sort(),
      kids: kidsOf(document, 'jwt-svid'),
      sequence: parsed.spiffe_sequence,
      refreshHint: parsed.spiffe_refresh_hint ?? -1,
    },
  });
  return bundle;
};

const flip = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);

/** Documents of which nothing may be taken. */
const addSpoiled = (folder: SampleFolder, root: Uint8Array): void => {
  const { kid, verification } = testKey('ES256');
  const jwk = { ...verification.jwk, kid } as Record<string, string>;
  const rsa = testKey('RS256');
  const key = { ...jwk, alg: 'ES256', use: 'sig' };
  const bad: Readonly<Record<string, object>> = {
    'point not on the curve': { ...key, x: flip(jwk['x'] ?? '') },
    'coordinate too short': { ...key, x: jwk['x']?.slice(0, 20) },
    'coordinate missing': { kid, kty: 'EC', crv: 'P-256', x: jwk['x'] },
    'unknown curve': { ...key, crv: 'P-255' },
    'unknown kty': { ...key, kty: 'XX' },
    'RSA key without modulus': { kty: 'RSA', kid: rsa.kid, e: 'AQAB', alg: 'RS256', use: 'sig' },
  };
  const file = (name: string, text: string): string =>
    folder.file(`keys/bad-${name.replaceAll(/[^a-z0-9]+/gi, '-')}.json`, text);
  for (const [name, entry] of Object.entries(bad)) {
    folder.add({
      kind: 'jwks',
      name: `key set, ${name}`,
      breaks: 'keys',
      keys: file(name, JSON.stringify({ keys: [entry] })),
    });
    const text = JSON.stringify({ keys: [{ ...entry, use: 'jwt-svid' }], spiffe_sequence: 1 });
    folder.add({ kind: 'bundle', name: `bundle, ${name}`, breaks: 'keys', bundle: file(`bundle ${name}`, text) });
  }
  folder.add({
    kind: 'jwks',
    name: 'key set, cut off',
    breaks: 'keys',
    keys: file('cut', JSON.stringify({ keys: [key] }).slice(0, -2)),
  });
  const whole = bundleDocument({ x509Authorities: [root], jwtKeys: [], sequence: 1 });
  const { keys: [entry] = [] } = JSON.parse(whole) as { keys: Entry[] };
  const bundles: Readonly<Record<string, string>> = {
    'cut off': whole.slice(0, -2),
    'without keys': '{"spiffe_sequence":1}',
    'authority that is no certificate': JSON.stringify({ keys: [{ ...entry, x5c: ['MIIB'] }] }),
    'authority without certificate': JSON.stringify({ keys: [{ ...entry, x5c: undefined }] }),
    'JWT key without kid': JSON.stringify({ keys: [{ ...key, kid: undefined, use: 'jwt-svid' }] }),
    'keys of another use': JSON.stringify({
      keys: [
        { ...entry, use: 'sig' },
        { ...key, use: 'enc' },
      ],
    }),
  };
  for (const [name, text] of Object.entries(bundles)) {
    folder.add({ kind: 'bundle', name: `bundle, ${name}`, breaks: 'keys', bundle: file(`bundle ${name}`, text) });
  }
};

/** Key sets and bundles as the product writes them, and spoiled ones. */
export const addKeyDocuments = async (folder: SampleFolder): Promise<void> => {
  const keys = ['ES256', 'ES384', 'RS256'].map(testKey);
  const named = keys.map(({ kid, alg, verification }) => ({ kid: kid as KeyId, alg, jwk: verification.jwk }));
  addJwks(folder, 'key set of every kind of key', jwksDocument(named));
  addJwks(folder, 'key set without keys', jwksDocument([]));
  const roots = [await newHierarchy('p256'), await newHierarchy('p384'), await newHierarchy('rsa')].map(
    ({ root }) => root.certificate.der,
  );
  const bundle = (name: string, x509Authorities: Ders, jwtKeys: typeof named, refreshHint?: number): string =>
    addBundle(
      folder,
      name,
      bundleDocument({ x509Authorities, jwtKeys, sequence: 42, ...(refreshHint !== undefined && { refreshHint }) }),
      x509Authorities,
    );
  bundle('bundle of every kind of key', roots, named, 300);
  bundle('bundle for certificates alone', roots.slice(0, 1), []);
  bundle('bundle for tokens alone', [], named.slice(0, 1), 60);
  bundle('empty bundle', [], []);
  addSpoiled(folder, roots[0] ?? Buffer.alloc(0));
};
