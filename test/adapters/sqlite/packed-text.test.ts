import * as fc from 'fast-check';
import { packText, unpackText } from '../../../src/adapters/sqlite/packed-text.ts';
import { writeFactLeaf } from '../../../src/formats/fact-leaf.ts';
import { entryFixture, issuedFixture } from '../../support/facts.ts';
import { testClock } from '../../support/ledger.ts';

const back = (text: Uint8Array): Buffer => Buffer.from(unpackText(packText(text)));

describe('packed text', () => {
  test('any JSON comes back as it was, and is never longer than an octet more', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = Buffer.from(JSON.stringify(value));
        expect(back(text)).toEqual(text);
        expect(packText(text).length).toBeLessThanOrEqual(text.length + 1);
      }),
    );
  });

  test('any octets come back, also those that are no JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        // Only JSON is ever packed: it begins with none of the octets that mean something.
        fc.pre(octets[0] !== 0x01);
        expect(back(octets)).toEqual(Buffer.from(octets));
      }),
    );
  });

  test.each([7, 8, 9, 31, 64, 509, 510, 511, 512, 1021, 4096])('%i hexadecimal digits come back', (count) => {
    const text = Buffer.from(`{"a":"${'0123456789abcdef'.repeat(256).slice(0, count)}"}`);
    expect(back(text)).toEqual(text);
  });

  test('upper-case digits are not taken for lower-case ones', () => {
    const text = Buffer.from(`{"a":"${'ABCDEF0123456789'.repeat(4)}"}`);
    expect(back(text)).toEqual(text);
  });

  test('half of a fragment, and one at the very end, come back', () => {
    for (const text of ['","credential":"x509', '{"a":"","k":"', ',"v":1}', '{"agent":"spiffe:/', '"']) {
      expect(back(Buffer.from(text)).toString()).toBe(text);
    }
  });

  test('what is issued takes half of its octets', () => {
    const { leaf, opening } = writeFactLeaf(issuedFixture(), testClock(0).now(), new Uint8Array(32));
    const { detail = new Uint8Array() } = opening ?? {};
    expect(packText(leaf).length).toBeLessThan(leaf.length * 0.5);
    expect(packText(detail).length).toBeLessThan(detail.length * 0.6);
  });

  test('an entry is packed too', () => {
    const fact = { kind: 'entry-created', entry: entryFixture(), by: 'someone', leans: { policy: 1 } } as const;
    const { opening } = writeFactLeaf(fact, testClock(0).now(), new Uint8Array(32));
    const { detail = new Uint8Array() } = opening ?? {};
    expect(packText(detail).length).toBeLessThan(detail.length * 0.7);
    expect(back(detail)).toEqual(Buffer.from(detail));
  });

  test.each([
    ['a run that ends before its digits do', [0x01, 0x02, 0x08, 0xff]],
    ['a run without a length', [0x01, 0x7b, 0x02]],
    ['a code that stands for nothing', [0x01, 0x00]],
  ])('damage is left as it is: %s', (_, octets) => {
    const packed = Uint8Array.from(octets);
    expect(unpackText(packed)).toEqual(packed);
  });
});
