import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { reseal, seal, unseal, type SealedPlace } from '../../../src/adapters/keys/seal.ts';
import { keyStore } from '../../../src/adapters/keys/sealed.ts';
import type { Authority, KeyId, SigningAlgorithm } from '../../../src/domain/authority.ts';
import { instant } from '../../../src/domain/instant.ts';
import type { MadeKey } from '../../../src/ports/keys.ts';

const entropy = { bytes: (count: number): Uint8Array => randomBytes(count) };
const sealKey = randomBytes(32);
const place: SealedPlace = {
  trustDomain: 'example.org',
  logId: 'a'.repeat(64),
  keyId: 'kid-1' as KeyId,
  purpose: 'jwt-svid',
};
const store = keyStore({ trustDomain: place.trustDomain, logId: place.logId, sealKey, entropy });

const authorityOf = (made: MadeKey, over: Partial<Authority> = {}): Authority => ({
  id: made.id,
  purpose: 'jwt-svid',
  algorithm: made.signer.algorithm,
  generation: 1,
  state: 'active',
  tainted: false,
  publicKey: made.publicKey,
  key: made.key,
  notBefore: 0,
  notAfter: 1,
  preparedAt: instant(0),
  ...over,
});

const blobOf = (made: MadeKey): string => {
  if (made.key.kind !== 'sealed') throw new Error('not sealed');
  return made.key.blob;
};

describe('sealing', () => {
  test('what was sealed opens at its own place, and differs each time', () => {
    const plain = randomBytes(121);
    const blob = seal(plain, sealKey, place, entropy);
    expect(blob).toMatch(/^mayfly-sealed-1\.[\w-]+$/);
    expect(unseal(blob, sealKey, place)).toEqual(plain);
    expect(seal(plain, sealKey, place, entropy)).not.toBe(blob);
  });

  // DEC-26: the associated data names trust domain, log, key and purpose.
  test.each([
    ['trustDomain', { trustDomain: 'example.com' }],
    ['logId', { logId: 'b'.repeat(64) }],
    ['keyId', { keyId: 'kid-2' as KeyId }],
    ['purpose', { purpose: 'access-token' as const }],
  ])('a blob moved to another %s does not open', (_, other) => {
    const blob = seal(randomBytes(121), sealKey, place, entropy);
    expect(() => unseal(blob, sealKey, { ...place, ...other })).toThrow('does not unseal');
  });

  test('members of the place cannot be shifted into each other', () => {
    const blob = seal(randomBytes(121), sealKey, { ...place, trustDomain: 'a', logId: 'bc' }, entropy);
    expect(() => unseal(blob, sealKey, { ...place, trustDomain: 'ab', logId: 'c' })).toThrow('does not unseal');
  });

  test('another seal key does not open it', () => {
    const blob = seal(randomBytes(121), sealKey, place, entropy);
    expect(() => unseal(blob, randomBytes(32), place)).toThrow('does not unseal');
  });

  test('no flipped bit passes', () => {
    const body = Buffer.from(seal(randomBytes(64), sealKey, place, entropy).split('.')[1] ?? '', 'base64url');
    for (let bit = 0; bit < body.length * 8; bit++) {
      const flipped = Buffer.from(body);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => unseal(`mayfly-sealed-1.${flipped.toString('base64url')}`, sealKey, place)).toThrow('unseal');
    }
  });

  test('anything that is no blob is refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `mayfly-sealed-1.${text}`),
        ),
        (text) => {
          expect(() => unseal(text, sealKey, place)).toThrow('seal');
        },
      ),
    );
    const blob = seal(randomBytes(32), sealKey, place, entropy);
    expect(() => unseal(blob.replace('sealed-1', 'sealed-2'), sealKey, place)).toThrow('form that this version');
    expect(() => unseal(`${blob}.x`, sealKey, place)).toThrow('does not unseal');
    expect(() => unseal(`${blob}=`, sealKey, place)).toThrow('does not unseal');
    expect(() => unseal(blob.slice(0, -30), sealKey, place)).toThrow('does not unseal');
  });

  test('resealing moves a blob from one seal key to another', () => {
    const next = randomBytes(32);
    const plain = randomBytes(121);
    const moved = reseal(seal(plain, sealKey, place, entropy), { from: sealKey, to: next }, place, entropy);
    expect(unseal(moved, next, place)).toEqual(plain);
    expect(() => unseal(moved, sealKey, place)).toThrow('does not unseal');
    expect(() => reseal(moved, { from: sealKey, to: next }, place, entropy)).toThrow('does not unseal');
  });
});

describe('keyStore', () => {
  const hashes: Record<SigningAlgorithm, string> = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256' };

  test.each(['ES256', 'ES384', 'RS256'] as const)('makes, seals and opens a key for %s', async (algorithm) => {
    const made = await store.create('jwt-svid', algorithm);
    const signer = await store.open(authorityOf(made));
    const bytes = randomBytes(200);
    const publicKey = createPublicKey({ key: Buffer.from(made.publicKey, 'base64'), format: 'der', type: 'spki' });
    for (const each of [made.signer, signer]) {
      const signature = await each.sign(bytes);
      const key = { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
      expect(verify(hashes[algorithm], bytes, key, signature)).toBe(true);
      expect([each.keyId, each.algorithm]).toEqual([made.id, algorithm]);
    }
  });

  test('a key opens only as what it was made for', async () => {
    const made = await store.create('jwt-svid', 'ES256');
    const other = await store.create('jwt-svid', 'ES256');
    await expect(store.open(authorityOf(made, { purpose: 'access-token' }))).rejects.toThrow('does not unseal');
    await expect(store.open(authorityOf(made, { id: other.id }))).rejects.toThrow('does not unseal');
    await expect(store.open(authorityOf(made, { publicKey: other.publicKey }))).rejects.toThrow('does not fit');
    await expect(store.open(authorityOf(made, { algorithm: 'ES384' }))).rejects.toThrow('not one for ES384');
    await expect(store.open(authorityOf(made, { key: { kind: 'absent' } }))).rejects.toThrow('not kept here');
    await expect(store.open(authorityOf(made, { key: { kind: 'sealed', blob: blobOf(other) } }))).rejects.toThrow(
      'does not unseal',
    );
  });

  test('a sealed key that is not the published one is refused even under the right seal', async () => {
    const made = await store.create('jwt-svid', 'ES256');
    const other = await store.create('jwt-svid', 'ES256');
    const at = { ...place, keyId: other.id };
    const planted = seal(unseal(blobOf(made), sealKey, { ...place, keyId: made.id }), sealKey, at, entropy);
    const authority = authorityOf(other, { key: { kind: 'sealed', blob: planted } });
    await expect(store.open(authority)).rejects.toThrow('does not fit');
  });

  test('neither a signer nor an error shows key material', async () => {
    const made = await store.create('jwt-svid', 'ES256');
    const pkcs8 = unseal(blobOf(made), sealKey, { ...place, keyId: made.id });
    const secrets = [pkcs8.toString('base64'), pkcs8.toString('hex'), sealKey.toString('hex'), blobOf(made)];
    const error: unknown = await store
      .open(authorityOf(made, { purpose: 'access-token' }))
      .catch((reason: unknown) => reason);
    const shown = [made.signer, error, store]
      .map((each) => inspect(each, { depth: 9 }) + JSON.stringify(each))
      .join('');
    expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
  });

  test('a seal key of another length is refused', () => {
    expect(() => keyStore({ ...place, sealKey: randomBytes(16), entropy })).toThrow('32 octets');
  });
});
