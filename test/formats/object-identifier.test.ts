import * as fc from 'fast-check';
import { objectIdentifier } from '../../src/formats/der.ts';
import { DerError, DerReader, readSingle } from '../../src/formats/der-reader.ts';
import { objectIdentifierText } from '../../src/formats/object-identifier.ts';

const read = (der: Uint8Array): string => objectIdentifierText(readSingle(der, 0x06));

test('object identifiers come back as they were', () => {
  const arcs = fc.tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 8 }));
  fc.assert(
    fc.property(arcs, ([first, second, rest]) => {
      const dotted = [first, second, ...rest].join('.');
      expect(read(objectIdentifier(dotted))).toBe(dotted);
    }),
  );
});

test('what was read before does not answer for another, however many there are', () => {
  const all = Array.from({ length: 5000 }, (_, at) => `1.3.6.1.4.1.${at}.${at % 7}`);
  for (const dotted of [...all, ...all.toReversed()]) expect(read(objectIdentifier(dotted))).toBe(dotted);
});

test('what was read before does not change with the octets that it was read from', () => {
  // Downwards: 69 falls into the place of 5, and comes before 5 is remembered with octets that nobody changes.
  for (let arc = 127; arc >= 0; arc -= 1) {
    const first = objectIdentifier('1.2.3.4.5');
    expect(read(first)).toBe('1.2.3.4.5');
    first[first.length - 1] = arc;
    expect(read(first)).toBe(`1.2.3.4.${arc}`);
  }
});

test.each([
  ['without octets', '0600'],
  ['that is cut off', '06022a86'],
  ['with a needless octet', '06032a8001'],
  ['with an arc out of range', '060b2affffffffffffffffff7f'],
  ['of 65 octets', `0641${'2a'.repeat(65)}`],
  ['that is something else', '04012a'],
])('one %s is refused, each time', (_, hex) => {
  const element = new DerReader(Buffer.from(hex, 'hex')).read();
  expect(() => objectIdentifierText(element)).toThrow(DerError);
  expect(() => objectIdentifierText(element)).toThrow(DerError);
});
