import { sign } from 'node:crypto';
import * as fc from 'fast-check';
import { readCertificate } from '../../src/formats/certificate.ts';
import {
  bitString,
  contextConstructed,
  contextPrimitive,
  NULL,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
  tlv,
  TRUE,
  utf8String,
} from '../../src/formats/der.ts';
import { DerError } from '../../src/formats/der-reader.ts';
import { extension, uriName } from '../../src/formats/x509-certificate.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW } from '../support/x509.ts';

const key = newKey();
const ca = await newCa();
const good = await issueLeaf(ca, leafPlan(ca, key));

const ES256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const oid = (dotted: string): Buffer => objectIdentifier(dotted);
const time = (text: string, tag = 0x17): Buffer => tlv(tag, Buffer.from(text));

interface Fields {
  readonly version?: readonly Uint8Array[];
  readonly serial?: Uint8Array;
  readonly inner?: Uint8Array;
  readonly times?: readonly Uint8Array[];
  readonly extensions?: readonly Uint8Array[];
  readonly after?: readonly Uint8Array[];
}

/** A certificate by hand, each field as told. */
const certificate = (fields: Fields): Buffer => {
  const tbs = sequence(
    ...(fields.version ?? [contextConstructed(0, smallInteger(2))]),
    fields.serial ?? smallInteger(1),
    fields.inner ?? ES256,
    sequence(),
    sequence(...(fields.times ?? [time('260101000000Z'), time('270101000000Z')])),
    sequence(),
    key.spki,
    contextConstructed(3, sequence(...(fields.extensions ?? [extension(oid('1.2.3'), false, NULL)]))),
    ...(fields.after ?? []),
  );
  return sequence(tbs, ES256, bitString(sign('sha256', tbs, key.privateKey)));
};

test('the plain one is read', () => {
  expect(readCertificate(certificate({}))).toMatchObject({ serial: '1'.padStart(32, '0'), notAfter: 1_798_761_600 });
});

test('a leaf of ours is read', () => {
  const leaf = readCertificate(good);
  expect(leaf).toMatchObject({
    notBefore: NOW - 10,
    notAfter: NOW + 3600,
    basicConstraints: { ca: false },
    signatureAlgorithm: { family: 'ecdsa', hash: 'sha256' },
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
  });
  expect([...(leaf.keyUsage ?? [])]).toEqual(['digitalSignature']);
});

test('a CA that writes its default out is read all the same', () => {
  const constraints = extension(oid('2.5.29.19'), true, sequence(Buffer.from('010100', 'hex')));
  expect(readCertificate(certificate({ extensions: [constraints] })).basicConstraints).toEqual({ ca: false });
});

const withExtension = (type: string, value: Uint8Array): Fields => ({
  extensions: [extension(oid(type), false, value)],
});

describe('refused', () => {
  test.each<[string, Fields]>([
    ['version 1', { version: [] }],
    ['version 2', { version: [contextConstructed(0, smallInteger(1))] }],
    ['a negative serial', { serial: Buffer.from('0201ff', 'hex') }],
    ['a serial of 21 octets', { serial: tlv(2, Buffer.alloc(21, 1)) }],
    ['two signature algorithms', { inner: sequence(oid('1.2.840.10045.4.3.3')) }],
    ['a field after the extensions', { after: [NULL] }],
    ['no extension', { extensions: [] }],
    [
      'the same extension twice',
      { extensions: [extension(oid('1.2.3'), false, NULL), extension(oid('1.2.3'), true, NULL)] },
    ],
    [
      'critical false written out',
      { extensions: [sequence(oid('1.2.3'), Buffer.from('010100', 'hex'), octetString(NULL))] },
    ],
    ['an extension with more in it', { extensions: [sequence(oid('1.2.3'), octetString(NULL), NULL)] }],
    ['one time', { times: [time('260101000000Z')] }],
    ['a time with an offset', { times: [time('260101000000Z'), time('270101000000+0100')] }],
    ['a time without seconds', { times: [time('260101000000Z'), time('2701010000Z')] }],
    ['a time with fractions', { times: [time('260101000000Z'), time('20600101000000.5Z', 0x18)] }],
    ['30 February', { times: [time('260101000000Z'), time('270230000000Z')] }],
    ['hour 24', { times: [time('260101000000Z'), time('270201240000Z')] }],
    ['a leap second', { times: [time('260101000000Z'), time('270201235960Z')] }],
    ['a GeneralizedTime before 2050', { times: [time('260101000000Z'), time('20270101000000Z', 0x18)] }],
    ['a time in a UTF8String', { times: [time('260101000000Z'), utf8String('270101000000Z')] }],
    ['basic constraints that are empty', withExtension('2.5.29.19', new Uint8Array())],
    ['a path length without cA', withExtension('2.5.29.19', sequence(smallInteger(0)))],
    ['a negative path length', withExtension('2.5.29.19', sequence(TRUE, Buffer.from('0201ff', 'hex')))],
    ['more in basic constraints', withExtension('2.5.29.19', sequence(TRUE, smallInteger(0), NULL))],
    ['a key usage without a bit', withExtension('2.5.29.15', bitString(new Uint8Array()))],
    ['a key usage that is not the shortest', withExtension('2.5.29.15', bitString(Buffer.of(0x80), 0))],
    ['bytes after a key usage', withExtension('2.5.29.15', Buffer.concat([bitString(Buffer.of(0x80), 7), NULL]))],
    ['an empty extended key usage', withExtension('2.5.29.37', sequence())],
    ['an extended key usage of text', withExtension('2.5.29.37', sequence(utf8String('x')))],
    ['no alternative name', withExtension('2.5.29.17', sequence())],
    ['an alternative name of no known type', withExtension('2.5.29.17', sequence(contextPrimitive(9, NULL)))],
    ['an alternative name that is a string', withExtension('2.5.29.17', sequence(utf8String('x')))],
    ['an alternative name that is cut off', withExtension('2.5.29.17', uriName('spiffe://td/a').subarray(0, 5))],
    ['an other name that is not DER', withExtension('2.5.29.17', sequence(contextConstructed(0, Buffer.of(6, 9))))],
    ['a subject key identifier of another type', withExtension('2.5.29.14', utf8String('x'))],
    ['an authority key identifier of another type', withExtension('2.5.29.35', octetString(NULL))],
  ])('%s', (_, fields) => {
    expect(() => readCertificate(certificate(fields))).toThrow(DerError);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['bytes after the end', Buffer.concat([good, Buffer.of(0)])],
    ['cut off', good.subarray(0, -1)],
  ])('%s', (_, der) => {
    expect(() => readCertificate(der)).toThrow(DerError);
  });
});

test('a changed byte is read as something else or refused, never a crash', () => {
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ change;
      try {
        expect(Buffer.from(readCertificate(changed).der).equals(good)).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
    { numRuns: 1000 },
  );
});
