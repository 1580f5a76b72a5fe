import { createPublicKey, verify } from 'node:crypto';
import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { ecdsaDerToP1363, ecdsaP1363ToDer, type SignatureCurve } from '../../src/formats/ecdsa-signature.ts';

interface Vectors {
  readonly testGroups: readonly {
    readonly publicKeyPem: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid' | 'acceptable';
    }[];
  }[];
}

const vectors = (name: string): Vectors =>
  JSON.parse(readFileSync(new URL(`../vectors/wycheproof/${name}.json`, import.meta.url), 'utf8')) as Vectors;

const orUndefined = (convert: () => Buffer): Buffer | undefined => {
  try {
    return convert();
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return undefined;
  }
};

describe.each<[SignatureCurve, number]>([
  ['p256', 64],
  ['p384', 96],
])('%s', (curve, length) => {
  test('both forms come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), fc.nat(length), (signature, zeros) => {
        signature.fill(0, 0, zeros);
        const der = ecdsaP1363ToDer(signature, curve);
        expect(ecdsaDerToP1363(der, curve).equals(signature)).toBe(true);
      }),
    );
  });

  test('a DER form that is accepted is the only one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (tail) => {
        const input = Buffer.concat([Buffer.of(0x30, tail.length), tail]);
        const converted = orUndefined(() => ecdsaDerToP1363(input, curve));
        if (converted !== undefined) expect(ecdsaP1363ToDer(converted, curve).equals(input)).toBe(true);
      }),
    );
  });

  test.each([length - 1, length + 1, 0])('refuses r‖s of %d octets', (wrong) => {
    expect(() => ecdsaP1363ToDer(new Uint8Array(wrong), curve)).toThrow(RangeError);
  });
});

describe('refuses as DER', () => {
  test.each([
    ['nothing', ''],
    ['a SET', '3106020101020101'],
    ['a long form of the length', '308106020101020101'],
    ['a third number', '3009020101020101020101'],
    ['one number', '3003020101'],
    ['bytes after the end', '300602010102010100'],
    ['a negative number', '3006020181020101'],
    ['a needless zero', '300702020001020101'],
    ['a number without octets', '30050200020101'],
    ['a number of 33 octets', `3026022101${'00'.repeat(32)}020101`],
    ['an OCTET STRING', '3006040101020101'],
  ])('%s', (_, hex) => {
    expect(() => ecdsaDerToP1363(Buffer.from(hex, 'hex'), 'p256')).toThrow(RangeError);
  });
});

const curves: readonly [string, string, SignatureCurve][] = [
  ['ecdsa_secp256r1_sha256_test', 'sha256', 'p256'],
  ['ecdsa_secp384r1_sha384_test', 'sha384', 'p384'],
];

test.each(curves)('%s: what verifies after the conversion is what Wycheproof calls valid', (name, digest, curve) => {
  let count = 0;
  for (const group of vectors(name).testGroups) {
    const key = createPublicKey(group.publicKeyPem);
    for (const { tcId, msg, sig, result } of group.tests) {
      const raw = orUndefined(() => ecdsaDerToP1363(Buffer.from(sig, 'hex'), curve));
      const isGood =
        raw !== undefined && verify(digest, Buffer.from(msg, 'hex'), { key, dsaEncoding: 'ieee-p1363' }, raw);
      expect([tcId, isGood]).toEqual([tcId, result === 'valid']);
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(400);
});

test('ecdsa_secp256r1_sha256_p1363_test: what verifies after the conversion is what Wycheproof calls valid', () => {
  let count = 0;
  for (const group of vectors('ecdsa_secp256r1_sha256_p1363_test').testGroups) {
    const key = createPublicKey(group.publicKeyPem);
    for (const { tcId, msg, sig, result } of group.tests) {
      const der = orUndefined(() => ecdsaP1363ToDer(Buffer.from(sig, 'hex'), 'p256'));
      const isGood = der !== undefined && verify('sha256', Buffer.from(msg, 'hex'), key, der);
      expect([tcId, isGood]).toEqual([tcId, result === 'valid']);
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(200);
});
