import * as fc from 'fast-check';
import {
  booleanValue,
  checkWellFormed,
  DerError,
  DerReader,
  namedBits,
  readSingle,
  readWhole,
  smallNumber,
  unsignedContent,
  wholeOctets,
} from '../../src/formats/der-reader.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
const nested = (levels: number): Uint8Array => {
  let der = Buffer.from('0500', 'hex');
  for (let level = 0; level < levels; level++) der = Buffer.concat([Buffer.of(0x30, der.length), der]);
  return der;
};

describe('elements that are not DER', () => {
  test.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a length that is cut off', '3082'],
    ['content that is cut off', '3003020100'.slice(0, 8)],
    ['an indefinite length', '30800000'],
    ['a long form below 128', '30810100'],
    ['a length with a zero in front', `30820080${'00'.repeat(128)}`],
    ['a length of four octets', '308400000000'],
    ['a tag number above 30', '3f1f00'],
    ['bytes after the end', '300000'],
    ['another tag', '3100'],
  ])('%s', (_, hex) => {
    expect(() => readWhole(bytes(hex), 0x30)).toThrow(DerError);
  });

  test('nested too deeply', () => {
    expect(() => checkWellFormed(readSingle(nested(16), 0x30))).not.toThrow();
    expect(() => checkWellFormed(readSingle(nested(17), 0x30))).toThrow(DerError);
  });

  test('a broken element inside what is skipped', () => {
    expect(() => checkWellFormed(readSingle(bytes('3003310502'), 0x30))).toThrow(DerError);
  });
});

describe('values in another than their one form', () => {
  const value = (hex: string) => new DerReader(bytes(hex)).read();
  test.each([
    ['a BOOLEAN of 1', () => booleanValue(value('010101'))],
    ['a BOOLEAN of two octets', () => booleanValue(value('0102ffff'))],
    ['an INTEGER without octets', () => unsignedContent(value('0200'))],
    ['a negative INTEGER', () => unsignedContent(value('0201ff'))],
    ['an INTEGER with a needless zero', () => unsignedContent(value('0202007f'))],
    ['a number out of range', () => smallNumber(value('02050100000000'))],
    ['a BIT STRING without octets', () => wholeOctets(value('0300'))],
    ['a BIT STRING with spare bits', () => wholeOctets(value('03020780'))],
    ['a list of bits with 8 unused', () => namedBits(value('03020880'))],
    ['a list of bits that ends with a clear bit', () => namedBits(value('03020680'))],
    ['a list of bits with a spare bit set', () => namedBits(value('03020781'))],
    ['an empty list of bits with unused ones', () => namedBits(value('030107'))],
  ])('%s', (_, read) => {
    expect(read).toThrow(DerError);
  });
});

test('any bytes are read or refused, and never crash the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
      try {
        const reader = new DerReader(input);
        while (!reader.atEnd) checkWellFormed(reader.read());
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
  );
});
