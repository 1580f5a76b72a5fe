import { NULL, objectIdentifier, octetString, sequence } from '../../src/formats/der.ts';
import { DerError } from '../../src/formats/der-reader.ts';
import { readSignatureAlgorithm } from '../../src/formats/signature-algorithm.ts';

const ECDSA = '1.2.840.10045.4.3';
const RSA = '1.2.840.113549.1.1';

const of = (oid: string, ...parameters: Buffer[]): Buffer => sequence(objectIdentifier(oid), ...parameters);

describe('an algorithm of ours', () => {
  test.each([
    ['ecdsa-with-SHA256', of(`${ECDSA}.2`), { family: 'ecdsa', hash: 'sha256' }],
    ['ecdsa-with-SHA384', of(`${ECDSA}.3`), { family: 'ecdsa', hash: 'sha384' }],
    ['ecdsa-with-SHA512', of(`${ECDSA}.4`), { family: 'ecdsa', hash: 'sha512' }],
    ['sha256WithRSAEncryption', of(`${RSA}.11`, NULL), { family: 'rsa', hash: 'sha256' }],
    ['sha384WithRSAEncryption', of(`${RSA}.12`, NULL), { family: 'rsa', hash: 'sha384' }],
    ['sha512WithRSAEncryption', of(`${RSA}.13`, NULL), { family: 'rsa', hash: 'sha512' }],
    // RFC 4055 §2.1: accepted without the NULL as well.
    ['sha256WithRSAEncryption without parameters', of(`${RSA}.11`), { family: 'rsa', hash: 'sha256' }],
  ])('%s', (_name, der, expected) => {
    expect(readSignatureAlgorithm(der)).toEqual(expected);
  });
});

describe('none of ours', () => {
  test.each<[string, Buffer]>([
    ['ecdsa-with-SHA1', of('1.2.840.10045.4.1')],
    ['ecdsa-with-SHA224', of(`${ECDSA}.1`)],
    ['md5WithRSAEncryption', of(`${RSA}.4`, NULL)],
    ['sha1WithRSAEncryption', of(`${RSA}.5`, NULL)],
    ['RSASSA-PSS', of(`${RSA}.10`, sequence())],
    ['sha224WithRSAEncryption', of(`${RSA}.14`, NULL)],
    ['Ed25519', of('1.3.101.112')],
    ['ML-DSA-44', of('2.16.840.1.101.3.4.3.17')],
    // RFC 5758 §3.2: the parameters are absent, NULL is not.
    ['ECDSA with NULL', of(`${ECDSA}.2`, NULL)],
    ['ECDSA with a curve', of(`${ECDSA}.2`, objectIdentifier('1.2.840.10045.3.1.7'))],
    ['RSA with other parameters', of(`${RSA}.11`, octetString(Buffer.alloc(1)))],
    ['RSA with a NULL that holds something', of(`${RSA}.11`, Buffer.of(5, 1, 0))],
    ['an identifier that is a prefix of one', of(ECDSA)],
  ])('%s', (_name, der) => {
    expect(readSignatureAlgorithm(der)).toBeUndefined();
  });
});

describe('malformed', () => {
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['an empty sequence', sequence()],
    ['a sequence without an identifier', sequence(NULL)],
    ['a bare identifier', objectIdentifier(`${ECDSA}.2`)],
    ['something after the parameters', of(`${RSA}.11`, NULL, NULL)],
    ['something after the sequence', Buffer.concat([of(`${ECDSA}.2`), NULL])],
    ['cut off', of(`${ECDSA}.2`).subarray(0, -1)],
    ['an identifier whose last arc does not end', sequence(Buffer.of(6, 2, 0x2a, 0x86))],
  ])('%s', (_name, der) => {
    expect(() => readSignatureAlgorithm(der)).toThrow(DerError);
  });
});
