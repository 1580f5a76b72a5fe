import * as fc from 'fast-check';
import {
  bitString,
  contextConstructed,
  contextPrimitive,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
  time,
  tlv,
  TRUE,
  unsignedInteger,
  utf8String,
} from '../../src/formats/der.ts';
import { readSingle, readWhole, unsignedContent } from '../../src/formats/der-reader.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('what is written', () => {
  test.each([
    ['an empty SEQUENCE', sequence(), '3000'],
    ['TRUE', TRUE, '0101ff'],
    ['a small number', smallInteger(2), '020102'],
    ['zero', unsignedInteger(Buffer.of(0, 0)), '020100'],
    ['a number whose top bit is set', unsignedInteger(Buffer.of(0x80)), '02020080'],
    ['a number with zeros in front', unsignedInteger(Buffer.of(0, 0, 0x7f)), '02017f'],
    ['a BIT STRING', bitString(Buffer.of(0x80), 7), '03020780'],
    ['an OBJECT IDENTIFIER', objectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['an OBJECT IDENTIFIER under 2', objectIdentifier('2.5.29.17'), '0603551d11'],
    ['text', utf8String('a_b'), '0c03615f62'],
    ['an explicit tag', contextConstructed(3, smallInteger(0)), 'a303020100'],
    ['an implicit tag', contextPrimitive(6, Buffer.from('x')), '860178'],
    ['the last second of UTCTime', time(2_524_607_999), hex(tlv(0x17, Buffer.from('491231235959Z')))],
    ['the first second of GeneralizedTime', time(2_524_608_000), hex(tlv(0x18, Buffer.from('20500101000000Z')))],
  ])('%s', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected);
  });

  test.each([127, 128, 255, 256, 65_535, 65_536])('the shortest length of %d octets', (length) => {
    const written = octetString(new Uint8Array(length));
    expect(readSingle(written, 0x04).content).toHaveLength(length);
  });
});

test('numbers come back as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (bytes) => {
      const content = unsignedContent(readSingle(unsignedInteger(bytes), 0x02));
      expect(BigInt(`0x${hex(content)}`)).toBe(BigInt(`0x${hex(bytes)}`));
    }),
  );
});

test('nested elements come back in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (contents) => {
      const reader = readWhole(sequence(...contents.map((content) => octetString(content))), 0x30);
      for (const content of contents) expect(hex(reader.read(0x04).content)).toBe(hex(content));
      expect(reader.atEnd).toBe(true);
    }),
  );
});

describe('what cannot be written', () => {
  test.each([
    ['a number without octets', () => unsignedInteger(new Uint8Array())],
    ['a small number above 127', () => smallInteger(128)],
    ['a negative small number', () => smallInteger(-1)],
    ['an object identifier of one arc', () => objectIdentifier('1')],
    ['an object identifier with a letter', () => objectIdentifier('1.2.x')],
    ['half a second', () => time(0.5)],
    ['a time before 1950', () => time(-631_152_001)],
    ['a time after 9999', () => time(253_402_300_800)],
    ['an element of 16 MiB', () => octetString(new Uint8Array(0x1000000))],
  ])('%s', (_, write) => {
    expect(write).toThrow(RangeError);
  });
});
