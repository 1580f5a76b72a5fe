import { createPublicKey, generateKeyPairSync, sign, webcrypto, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { Refusal } from '../../src/domain/refusal.ts';
import { MAX_CSR_BYTES, readCsr } from '../../src/formats/csr.ts';
import { assembleCsr, csrInfo, writeCsr } from '../../src/formats/csr-writer.ts';
import {
  bitString,
  contextConstructed,
  NULL,
  objectIdentifier,
  octetString,
  sequence,
  setOfOne,
  smallInteger,
  unsignedInteger,
} from '../../src/formats/der.ts';
import {
  type JsonName,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '../support/peculiar-x509.ts';
import { newKey } from '../support/x509.ts';

const key = newKey();
const good = writeCsr(key.privateKey);
const ES256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

const spkiOf = (pair: { readonly publicKey: KeyObject }): Buffer =>
  pair.publicKey.export({ type: 'spki', format: 'der' });

/** A request over any bytes, signed by `key` with ECDSA and SHA-256. */
const requestOver = (info: Uint8Array, algorithm: Uint8Array = ES256): Buffer =>
  sequence(info, algorithm, bitString(sign('sha256', info, key.privateKey)));

const infoWith = (spki: Uint8Array): Buffer => sequence(smallInteger(0), sequence(), spki, contextConstructed(0));

const refusalOf = (der: Uint8Array): string => {
  try {
    readCsr(der);
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('accepted', () => {
  test.each(['p256', 'p384', 'rsa'] as const)('a key of type %s', (type) => {
    const own = newKey(type);
    const request = readCsr(writeCsr(own.privateKey));
    expect(request.keyType).toBe(type);
    expect(Buffer.from(request.spki).equals(own.spki)).toBe(true);
    expect(createPublicKey(request.spkiPem).equals(own.publicKey)).toBe(true);
  });

  test.each([
    ['SHA-256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
    ['SHA-512', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-512' }],
  ])('what another library writes, with %s; its names and extensions are ignored', async (_, algorithm) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const name: JsonName = [{ CN: ['root'] }];
    const written = await Pkcs10CertificateRequestGenerator.create(
      {
        name,
        keys,
        signingAlgorithm: algorithm,
        extensions: [new SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://example.org/admin' }])],
      },
      webcrypto,
    );
    const request = readCsr(Buffer.from(written.rawData));
    expect(Object.keys(request)).toEqual(['spki', 'spkiPem', 'keyType']);
  });
});

describe('unsupported_key', () => {
  test.each([
    ['P-521', spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }))],
    ['secp256k1', spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))],
    ['Ed25519', spkiOf(generateKeyPairSync('ed25519'))],
    ['X25519', spkiOf(generateKeyPairSync('x25519'))],
    ['RSA with 1024 bits', spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    ['RSA with e = 3', spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }))],
    ['RSA with 2047 bits', rsaSpki(Buffer.concat([Buffer.of(0x7f), Buffer.alloc(255, 0xff)]))],
    ['RSA with 4104 bits', rsaSpki(Buffer.alloc(513, 0xff))],
    ['RSA from the generator of CVE-2017-15361', rsaSpki(markedModulus())],
    ['RSA with an enormous exponent', rsaSpki(Buffer.alloc(256, 0xff), Buffer.alloc(256, 0xff))],
  ])('%s', (_, spki) => {
    // DEC-20
    expect(refusalOf(requestOver(infoWith(spki)))).toBe('unsupported_key');
  });
});

function rsaSpki(modulus: Uint8Array, exponent: Uint8Array = Buffer.of(1, 0, 1)): Buffer {
  const numbers = sequence(unsignedInteger(modulus), unsignedInteger(exponent));
  return sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1'), NULL), bitString(numbers));
}

/** 2048 bits, odd, and 1 modulo each prime that the flawed generator marks. */
function markedModulus(): Buffer {
  const primes = Array.from({ length: 166 }, (_, n) => n + 2).filter((n) => n > 2 && isPrime(n));
  const product = primes.reduce((all, prime) => all * BigInt(prime), 2n);
  return Buffer.from((product * (2n ** 2048n / product - 1n) + 1n).toString(16), 'hex');
}

function isPrime(n: number): boolean {
  return Array.from({ length: n - 2 }, (_, divisor) => divisor + 2).every((divisor) => n % divisor !== 0);
}

describe('invalid_csr', () => {
  const EC = objectIdentifier('1.2.840.10045.2.1');
  const P256 = objectIdentifier('1.2.840.10045.3.1.7');
  const point = key.spki.subarray(-65);
  const curveKey = (parameters: Uint8Array, bits: Uint8Array) =>
    infoWith(sequence(sequence(EC, parameters), bitString(bits)));
  const offCurve = Buffer.from(point);
  offCurve[64] = (offCurve[64] ?? 0) ^ 1;
  const compressed = Buffer.concat([Buffer.of(2), point.subarray(1, 33)]);
  const info = csrInfo({ spki: key.spki });
  const other = newKey();

  test.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('-----BEGIN CERTIFICATE REQUEST-----')],
    ['bytes after the end', Buffer.concat([good, Buffer.of(0)])],
    ['cut off', good.subarray(0, -1)],
    ['more than 8 KiB', csrWithAttributeOf(MAX_CSR_BYTES)],
    ['explicit curve parameters', requestOver(curveKey(sequence(smallInteger(1)), point))],
    ['no curve', requestOver(infoWith(sequence(sequence(EC), bitString(point))))],
    ['a compressed point', requestOver(curveKey(P256, compressed))],
    ['a point off the curve', requestOver(curveKey(P256, offCurve))],
    ['a hybrid point', requestOver(curveKey(P256, Buffer.concat([Buffer.of(6), point.subarray(1)])))],
    ['the point at infinity', requestOver(curveKey(P256, Buffer.of(0)))],
    ['a point with a byte too many', requestOver(curveKey(P256, Buffer.concat([point, Buffer.of(0)])))],
    [
      'RSA without NULL',
      requestOver(infoWith(sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1')), bitString(point)))),
    ],
    ['an even RSA modulus', requestOver(infoWith(rsaSpki(Buffer.alloc(256, 0xfe))))],
    ['version 1', requestOver(sequence(smallInteger(1), sequence(), key.spki, contextConstructed(0)))],
    ['no attributes field', requestOver(sequence(smallInteger(0), sequence(), key.spki))],
    [
      'attributes that are not DER',
      requestOver(sequence(smallInteger(0), sequence(), key.spki, contextConstructed(0, Buffer.of(0x30, 5)))),
    ],
    [
      'a subject that is not DER',
      requestOver(sequence(smallInteger(0), sequence(Buffer.of(0x31, 9)), key.spki, contextConstructed(0))),
    ],
    ['another field', requestOver(sequence(smallInteger(0), sequence(), key.spki, contextConstructed(0), NULL))],
    ['the signature of another key', assembleCsr(info, 'ES256', sign('sha256', info, other.privateKey))],
    ['a signature over other bytes', assembleCsr(info, 'ES256', sign('sha256', Buffer.from('x'), key.privateKey))],
    ['an empty signature', assembleCsr(info, 'ES256', Buffer.alloc(0))],
    ['a zero signature', assembleCsr(info, 'ES256', Buffer.from('3006020100020100', 'hex'))],
    [
      'r‖s in place of DER',
      assembleCsr(info, 'ES256', sign('sha256', info, { key: key.privateKey, dsaEncoding: 'ieee-p1363' })),
    ],
    ['another algorithm than it was signed with', assembleCsr(info, 'ES384', sign('sha256', info, key.privateKey))],
    ['an RSA algorithm for a curve key', assembleCsr(info, 'RS256', sign('sha256', info, key.privateKey))],
    ['ECDSA with parameters', requestOver(info, sequence(objectIdentifier('1.2.840.10045.4.3.2'), NULL))],
    ['SHA-1', requestOver(info, sequence(objectIdentifier('1.2.840.10045.4.1')))],
  ])('%s', (_, der) => {
    expect(refusalOf(der)).toBe('invalid_csr');
  });

  function csrWithAttributeOf(size: number): Buffer {
    const attribute = sequence(objectIdentifier('1.2.3'), setOfOne(octetString(Buffer.alloc(size))));
    return requestOver(sequence(smallInteger(0), sequence(), key.spki, contextConstructed(0, attribute)));
  }

  test('the attribute of almost 8 KiB is none of our business', () => {
    expect(refusalOf(csrWithAttributeOf(7 * 1024))).toBe('accepted');
  });
});

test('a changed byte is refused, never a crash', () => {
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ change;
      expect(['invalid_csr', 'unsupported_key']).toContain(refusalOf(changed));
    }),
    { numRuns: 400 },
  );
});

test('any bytes are refused, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(refusalOf(bytes)).toBe('invalid_csr');
    }),
  );
});

test('a key that cannot sign a request is refused by the writer', () => {
  expect(() => writeCsr(generateKeyPairSync('ed25519').privateKey)).toThrow(RangeError);
});
