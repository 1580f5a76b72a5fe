import * as fc from 'fast-check';
import { readWhole } from '../../../src/adapters/http/whole-request.ts';
import { libraryReads } from '../../support/library-reads.ts';

const head = (lines: readonly string[], start = 'POST /v1/svids/jwt HTTP/1.1'): string =>
  [start, ...lines, '', ''].join('\r\n');

const PLAIN = ['Host: a', 'Content-Length: 3'];

const read = (text: string) => readWhole(Buffer.from(text, 'latin1'));

test('a plain request is read: target, headers by their names in lower case, body', () => {
  const found = read(`${head([...PLAIN, 'User-Agent:\t x y \t', 'X-Empty:', 'Connection: Keep-Alive'])}abc`);
  expect(found?.head).toMatchObject({ target: '/v1/svids/jwt', length: 3 });
  expect(found?.head.headers).toEqual({
    host: 'a',
    'content-length': '3',
    'user-agent': 'x y',
    'x-empty': '',
    connection: 'Keep-Alive',
  });
  expect(found?.body?.toString()).toBe('abc');
});

test('a body may be empty', () => {
  expect(read(head(['Host: a', 'Content-Length: 0']))?.body).toHaveLength(0);
});

test('a head like the one before is not parsed again', () => {
  const first = read(`${head(PLAIN)}abc`)?.head;
  expect(readWhole(Buffer.from(`${head(PLAIN)}xyz`), first)?.head).toBe(first);
  expect(readWhole(Buffer.from(`${head(['Host: b', 'Content-Length: 3'])}xyz`), first)?.head.headers.host).toBe('b');
});

test.each([
  ['another method', head(PLAIN, 'PUT /x HTTP/1.1')],
  ['another version', head(PLAIN, 'POST /x HTTP/1.0')],
  ['a whole URL as target', head(PLAIN, 'POST http://a/x HTTP/1.1')],
  ['a space in the target', head(PLAIN, 'POST /x y HTTP/1.1')],
  ['an empty line before', `\r\n${head(PLAIN)}`],
  ['lines that end in a bare LF', head(PLAIN).replace('a\r\n', 'a\n')],
  ['a bare CR in a value', head([...PLAIN, 'x: a\rb'])],
  ['a folded line', head([...PLAIN, 'x: a', ' b'])],
  ['a space before the colon', head([...PLAIN, 'x : a'])],
  ['a line without a colon', head([...PLAIN, 'x'])],
  ['no name', head([...PLAIN, ': x'])],
  ['octets beyond ASCII', head([...PLAIN, 'x: \u00e4'])],
  ['a NUL', head([...PLAIN, 'x: a\0b'])],
  ['a header twice', head([...PLAIN, 'x: 1', 'X: 2'])],
  ['a name of every object', head([...PLAIN, '__proto__: x'])],
  ['no host', head(['Content-Length: 3'])],
  ['no length', head(['Host: a'])],
  ['two lengths', head(['Host: a', 'Content-Length: 3, 3'])],
  ['a length with a sign', head(['Host: a', 'Content-Length: +3'])],
  ['a length in hexadecimal', head(['Host: a', 'Content-Length: 0x3'])],
  ['a length with a zero before it', head(['Host: a', 'Content-Length: 03'])],
  ['a length that is no number', head(['Host: a', 'Content-Length: three'])],
  ['a length beyond 16 KiB', head(['Host: a', 'Content-Length: 16385'])],
  ['chunks', head([...PLAIN, 'Transfer-Encoding: chunked'])],
  ['a wish to be asked for the body', head([...PLAIN, 'Expect: 100-continue'])],
  ['another protocol', head([...PLAIN, 'Upgrade: mayfly-sync'])],
  ['a cookie to set', head([...PLAIN, 'Set-Cookie: a'])],
  ['an end of the connection', head([...PLAIN, 'Connection: close'])],
  ['a list of connection options', head([...PLAIN, 'Connection: keep-alive, upgrade'])],
  ['33 headers', head([...PLAIN, ...Array.from({ length: 31 }, (_, at) => `x-${at}: y`)])],
  ['a head beyond 4 KiB', head([...PLAIN, `x: ${'y'.repeat(4096)}`])],
])('%s is left to the library', (_name, text) => {
  expect(read(`${text}abc`)).toBeUndefined();
});

test('so is what is not all there, and anything behind the body', () => {
  expect(read(`${head(PLAIN)}ab`)).toBeUndefined();
  expect(read(head(PLAIN).slice(0, -1))).toBeUndefined();
  expect(read(`${head(PLAIN)}abcd`)).toBeUndefined();
});

const PIECES =
  'POST |/|/x| HTTP/1.1|\r\n|\n|\r| |\t|:|: |Host: a|Content-Length: 3|a|abc|Connection: keep-alive|connection:close|Set-Cookie: a|' +
  'Transfer-Encoding: chunked|x|\0|\u00e4|0|,|Content-Length:';
const pieces = fc.constantFrom(...PIECES.split('|'));

/** A good request with a few pieces put in, or in place of what was there. */
const nearly = fc
  .array(fc.record({ at: fc.nat(90), drop: fc.nat(3), piece: pieces }), { maxLength: 3 })
  .map((edits) =>
    edits.reduce(
      (text, { at, drop, piece }) => text.slice(0, at) + piece + text.slice(at + drop),
      `${head(['Host: a', 'Content-Type: application/json', 'Content-Length: 3'])}abc`,
    ),
  );

test('whatever is read, the library reads in the same way', async () => {
  let read = 0;
  await fc.assert(
    fc.asyncProperty(nearly, async (text) => {
      const octets = Buffer.from(text, 'latin1');
      const found = readWhole(octets);
      if (found === undefined) return;
      read += 1;
      const { head: ours, body } = found;
      expect(await libraryReads(octets)).toEqual({
        requests: [{ method: 'POST', url: ours.target, headers: ours.headers, body }],
        isAll: true,
      });
    }),
    { numRuns: 3000 },
  );
  expect(read).toBeGreaterThan(100);
});
