import * as fc from 'fast-check';
import { EMPTY_TABLE, headerBlock } from '../../../../src/adapters/workload-api/http2/header-block.ts';
import { HpackDecoder } from '../../../../src/adapters/workload-api/http2/hpack-decoder.ts';

/** A client that allows no table. */
const read = (block: Buffer): unknown => new HpackDecoder({ tableBytes: 0, listBytes: 1_000_000 }).decode(block);

describe('blocks that we write (RFC 7541)', () => {
  test('are read as they were meant, of whatever length', () => {
    const visible = fc.string({ unit: 'grapheme-ascii', maxLength: 400 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(visible, visible), { selector: ([name]) => `x-${name}` }), (pairs) => {
        const fields = pairs.map(([name, value]) => ({ name: `x-${name}`, value }));
        expect(read(headerBlock(Object.fromEntries(fields.map(({ name, value }) => [name, value]))))).toEqual(fields);
      }),
    );
  });

  test.each([126, 127, 128, 254, 255, 256, 16_383, 20_000])('say lengths of %d right (§5.1)', (length) => {
    expect(read(headerBlock({ a: 'v'.repeat(length) }))).toEqual([{ name: 'a', value: 'v'.repeat(length) }]);
  });

  test('need one octet for what is most frequent', () => {
    expect(headerBlock({ ':status': '200' })).toEqual(Buffer.of(0x88));
    expect(read(headerBlock({ ':status': '415' }))).toEqual([{ name: ':status', value: '415' }]);
  });

  test('change no table, and may be behind the word that it is empty (§4.2)', () => {
    const decoder = new HpackDecoder({ tableBytes: 4096, listBytes: 65_535 });
    decoder.decode(headerBlock({ ':status': '200', 'grpc-status': '0' }));
    expect(decoder.changes).toBe(0);
    expect(decoder.decode(Buffer.concat([EMPTY_TABLE, headerBlock({ a: 'b' })]))).toEqual([{ name: 'a', value: 'b' }]);
  });

  test('keep no pool alive', () => {
    const block = headerBlock({ a: 'b' });
    expect(block.buffer.byteLength).toBe(block.length);
  });
});
