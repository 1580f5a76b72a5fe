import { TrustBundles } from '../../src/agent/trust-bundles.ts';
import { publicJwk } from '../../src/formats/jwk.ts';
import type { SyncBundle } from '../../src/formats/sync-message.ts';
import { newCa, newKey } from '../support/x509.ts';

const key = (changes: Record<string, string> = {}): Record<string, string> => ({
  ...publicJwk(newKey().publicKey),
  kid: 'k1',
  ...changes,
});

const bundle = async (changes: Partial<SyncBundle> = {}): Promise<SyncBundle> => ({
  trustDomain: 'example.org',
  sequence: 1,
  x509Authorities: [Buffer.from((await newCa()).certificate.der).toString('base64')],
  jwtKeys: [key()],
  ...changes,
});

test('a bundle is read once for one content, whatever its sequence', async () => {
  const bundles = new TrustBundles();
  const first = await bundle();
  const read = bundles.of(first);
  expect(read?.x509Authorities).toHaveLength(1);
  expect(bundles.of(first)).toBe(read);
  expect(bundles.of({ ...first, sequence: 2 })).toBe(read);
  expect(bundles.of({ ...first, jwtKeys: [] })).not.toBe(read);
});

test('keys are written as clients take them: no use, no algorithm, nothing private', async () => {
  // WLAPI-44
  const whole = key({ use: 'jwt-svid', alg: 'ES256', spiffe_note: 'x' });
  const read = new TrustBundles().of(await bundle({ jwtKeys: [whole] }));
  const { keys } = JSON.parse(read?.jwtKeySet ?? '') as { keys: Record<string, string>[] };
  expect(keys.map((each) => Object.keys(each).sort())).toEqual([['crv', 'kid', 'kty', 'x', 'y']]);
  expect(read?.verificationKeys.map(({ kid }) => kid)).toEqual(['k1']);
});

test.each([
  ['no kid', { kid: '' }],
  ['an unknown type', { kty: 'oct' }],
  ['a point off its curve', { x: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
])('a key with %s is left out, since clients would drop the whole set', async (_what, changes) => {
  const read = new TrustBundles().of(await bundle({ jwtKeys: [key(changes), key({ kid: 'good' })] }));
  expect(JSON.parse(read?.jwtKeySet ?? '')).toMatchObject({ keys: [{ kid: 'good' }] });
  expect(read?.verificationKeys).toHaveLength(1);
});

test('an authority that is none is left out', async () => {
  const { x509Authorities } = await bundle();
  const read = new TrustBundles().of(await bundle({ x509Authorities: ['AAAA', 'not base64', ...x509Authorities] }));
  expect(read?.x509Authorities).toHaveLength(1);
  expect(read?.anchorIds.size).toBe(1);
});

test('an empty bundle is one; a name that is no trust domain is none', async () => {
  const read = new TrustBundles().of(await bundle({ x509Authorities: [], jwtKeys: [] }));
  expect(read).toMatchObject({ x509Authorities: [], jwtKeySet: '{"keys":[]}' });
  expect(new TrustBundles().of(await bundle({ trustDomain: 'Example.org' }))).toBeUndefined();
});
