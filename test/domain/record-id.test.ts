import * as fc from 'fast-check';
import { instant } from '../../src/domain/instant.ts';
import { isRecordId, parseRecordId, RECORD_ID_ENTROPY, recordId, recordIdFloor } from '../../src/domain/record-id.ts';

const NOW = instant(1_800_000_000_000);
const END = 2 ** 47;
const HIGHEST = new Uint8Array(RECORD_ID_ENTROPY).fill(0xff);

const times = fc.integer({ min: 0, max: END - 1 }).map(instant);
const randoms = fc.uint8Array({ minLength: RECORD_ID_ENTROPY, maxLength: RECORD_ID_ENTROPY });

const ID = recordId(NOW, HIGHEST);

// DEC-7
describe('a record id', () => {
  test('is 48 bits of milliseconds, then 80 random bits', () => {
    const random = Buffer.from('00112233445566778899', 'hex');
    expect(RECORD_ID_ENTROPY * 8).toBe(80);
    expect(recordId(NOW, random)).toBe('01a3185c500000112233445566778899');
    expect(recordId(instant(0), random)).toBe('00000000000000112233445566778899');
  });

  test('has 128 bits and a top bit of 0, so that a serial is positive', () => {
    fc.assert(
      fc.property(times, randoms, (at, random) => {
        const id = recordId(at, random);
        const bytes = Buffer.from(id, 'hex');
        expect(bytes).toHaveLength(16);
        expect((bytes[0] ?? 0xff) & 0x80).toBe(0);
        expect(bytes.readUIntBE(0, 6)).toBe(at);
        expect(bytes.subarray(6).equals(random)).toBe(true);
        expect(isRecordId(id)).toBe(true);
        expect(parseRecordId(id)).toBe(id);
      }),
    );
    expect(recordId(instant(END - 1), HIGHEST)).toBe(`7${'f'.repeat(31)}`);
  });

  test('sorts after all of an earlier millisecond, and never below the floor of its own', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: END - 2 }), randoms, randoms, (at, one, two) => {
        expect(recordId(instant(at), one) < recordId(instant(at + 1), two)).toBe(true);
        expect(recordId(instant(at), one) >= recordIdFloor(instant(at))).toBe(true);
        expect(recordId(instant(at), one) < recordIdFloor(instant(at + 1))).toBe(true);
      }),
    );
  });

  test.each([0, 9, 11, 16])('does not take %i random octets', (count) => {
    expect(() => recordId(NOW, new Uint8Array(count))).toThrow('10 random octets');
  });

  test.each([-1, END, 2 ** 48])('does not take the time %i', (at) => {
    expect(() => recordId(instant(at), HIGHEST)).toThrow('47 bits');
    expect(() => recordIdFloor(instant(at))).toThrow('47 bits');
  });
});

describe('reading a record id', () => {
  test.each([
    ['upper case', ID.toUpperCase()],
    ['colons, as other tools print a serial', ID.replaceAll(/(..)(?=.)/g, '$1:')],
    ['both', ID.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')],
  ])('accepts %s, and gives the one form', (_, text) => {
    expect(parseRecordId(text)).toBe(ID);
    expect(isRecordId(text)).toBe(false);
  });

  test.each([
    ['empty', ''],
    ['colons alone', ':::'],
    ['31 digits', ID.slice(1)],
    ['33 digits', `${ID}0`],
    ['a top bit of 1', `8${ID.slice(1)}`],
    ['all bits', 'f'.repeat(32)],
    ['a letter that is no digit', `${ID.slice(0, 31)}g`],
    ['a sign', `-${ID.slice(1)}`],
    ['0x in front', `0x${ID.slice(2)}`],
    ['a space in front', ` ${ID}`],
    ['a line break at the end', `${ID}\n`],
    ['hyphens', ID.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')],
    ['full-width digits', `０${ID.slice(1)}`],
  ])('refuses %s', (_, text) => {
    expect(isRecordId(text)).toBe(false);
    expect(() => parseRecordId(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }) as Error);
  });

  test('does not repeat what was sent', () => {
    expect(() => parseRecordId('a-secret')).toThrow(/^a record id is 32 hexadecimal digits$/);
  });
});
