import { ConnectionError } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { HpackDecoder } from '../../../../src/adapters/workload-api/http2/hpack-decoder.ts';
import type { Field } from '../../../../src/adapters/workload-api/http2/hpack-field.ts';

const newDecoder = (limits = {}): HpackDecoder => new HpackDecoder({ tableBytes: 4096, listBytes: 65_535, ...limits });

const hex = (...parts: readonly string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');

const pair = ({ name, value }: Field): string => `${name}: ${value}`;
const read = (decoder: HpackDecoder, block: Buffer): readonly string[] => decoder.decode(block).map(pair);

const problemOf = (decoder: HpackDecoder, block: Buffer): ConnectionError => {
  try {
    decoder.decode(block);
  } catch (error) {
    if (error instanceof ConnectionError) return error;
    throw error;
  }
  throw new Error('the block was accepted');
};

/** `x-a: b` to be remembered: 3 + 1 + 32 octets of the table. */
const REMEMBERED = hex('40 03 782d61 01 62');

describe('the examples of RFC 7541 Appendix C', () => {
  test.each([
    [
      'plain (C.3)',
      hex('828684410f7777772e6578616d706c652e636f6d'),
      hex('828684be58086e6f2d6361636865'),
      hex('828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565'),
    ],
    [
      'in Huffman code (C.4)',
      hex('828684418cf1e3c2e5f23a6ba0ab90f4ff'),
      hex('828684be5886a8eb10649cbf'),
      hex('828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf'),
    ],
  ])('%s', (_name, first, second, third) => {
    const decoder = newDecoder();
    const target = ':authority: www.example.com';
    expect(read(decoder, first)).toEqual([':method: GET', ':scheme: http', ':path: /', target]);
    expect(read(decoder, second)).toEqual([
      ':method: GET',
      ':scheme: http',
      ':path: /',
      target,
      'cache-control: no-cache',
    ]);
    expect(read(decoder, third)).toEqual([
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      target,
      'custom-key: custom-value',
    ]);
  });

  test('a literal without a table, and one that is never to be in any (C.2.2, C.2.3)', () => {
    const decoder = newDecoder();
    expect(read(decoder, hex('040c2f73616d706c652f70617468'))).toEqual([':path: /sample/path']);
    expect(read(decoder, hex('100870617373776f726406736563726574'))).toEqual(['password: secret']);
    expect(decoder.changes).toBe(0);
  });

  test('the table loses its oldest when it is full (C.5)', () => {
    const decoder = newDecoder({ tableBytes: 80 });
    read(decoder, hex('40 03 782d61 01 61', '40 03 782d62 01 62'));
    expect(read(decoder, hex('be bf'))).toEqual(['x-b: b', 'x-a: a']);
    read(decoder, hex('40 03 782d63 01 63'));
    expect(read(decoder, hex('be bf'))).toEqual(['x-c: c', 'x-b: b']);
    expect(problemOf(decoder, hex('c0')).code).toBe(9);
  });
});

describe('the size of the table', () => {
  test('goes down and up at the beginning of a block', () => {
    const decoder = newDecoder();
    read(decoder, REMEMBERED);
    expect(read(decoder, hex('be'))).toEqual(['x-a: b']);
    read(decoder, Buffer.concat([hex('20'), hex('3fe11f'), hex('82')]));
    expect(problemOf(decoder, hex('be')).code).toBe(9);
  });

  test('a field larger than all of it empties it, and is there all the same', () => {
    const decoder = newDecoder({ tableBytes: 40 });
    read(decoder, REMEMBERED);
    expect(read(decoder, hex('40 03 782d62 0a', '61'.repeat(10)))).toEqual([`x-b: ${'a'.repeat(10)}`]);
    expect(problemOf(decoder, hex('be')).code).toBe(9);
  });

  test('a name is taken from a field that goes out as its own comes in', () => {
    const decoder = newDecoder({ tableBytes: 40 });
    read(decoder, REMEMBERED);
    expect(read(decoder, hex('7e 01 63'))).toEqual(['x-a: c']);
    expect(read(decoder, hex('be'))).toEqual(['x-a: c']);
  });
});

describe('what is no block of headers', () => {
  test.each<[string, Buffer, number]>([
    ['index 0', hex('80'), 9],
    ['an index beyond the tables', hex('be'), 9],
    ['an index far beyond', hex('ffffff7f'), 9],
    ['a number without end', hex('ffffffffffffffff7f'), 9],
    ['a number cut off', hex('ff80'), 9],
    ['a name in no table', hex('7f8001 01 61'), 9],
    ['a table larger than allowed', hex('3fe21f'), 9],
    ['a table that changes after a field', hex('82 20'), 9],
    ['a text cut off', hex('00 03 78 2d'), 9],
    ['no value', hex('00 01 78'), 9],
    ['nothing after a literal', hex('40'), 9],
    ['Huffman code with the end symbol', hex('00 84 ffffffff 00'), 9],
    ['Huffman code with padding of zeros', hex('00 81 18 00'), 9],
    ['Huffman code with eight bits of padding', hex('00 82 1fff 00'), 9],
  ])('%s', (_name, block, code) => {
    expect(problemOf(newDecoder(), block).code).toBe(code);
  });

  test('few octets that stand for many', () => {
    const decoder = newDecoder({ listBytes: 65_535 });
    const value = Buffer.alloc(4000, 0x61);
    decoder.decode(Buffer.concat([hex('40 01 78 7fa11e'), value]));
    expect(problemOf(decoder, Buffer.alloc(100, 0xbe)).code).toBe(11);
  });
});
