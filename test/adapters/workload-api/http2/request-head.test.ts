import { StreamError } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { checkTrailers, RequestHead } from '../../../../src/adapters/workload-api/http2/request-head.ts';

type Pair = readonly [name: string, value: string];
const fields = (pairs: readonly Pair[]) => pairs.map(([name, value]) => ({ name, value }));
const PSEUDO: readonly Pair[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a/b'],
];
const head = (...more: readonly Pair[]): RequestHead => new RequestHead(fields([...PSEUDO, ...more]));

describe('the head of a request (RFC 9113 §8.3)', () => {
  test('is read by its names', () => {
    const read = head(['te', 'trailers'], ['x-a', '1'], ['x-b', ''], ['x-a', '2']);
    expect([read.method, read.path, read.contentLength]).toEqual(['POST', '/a/b', undefined]);
    expect([read.get('x-a'), read.get('x-b'), read.get('x-c')]).toEqual([['1', '2'], [''], []]);
  });

  test('tells what it takes, 32 octets for each header (RFC 7541 §4.1)', () => {
    expect(head(['x-a', '12345']).bytes - head().bytes).toBe(3 + 5 + 32);
  });

  test.each<[string, readonly Pair[]]>([
    ['nothing', []],
    ['no method', PSEUDO.slice(1)],
    ['no path', PSEUDO.slice(0, 2)],
    ['an empty path', [...PSEUDO.slice(0, 2), [':path', '']]],
    ['two paths', [...PSEUDO, [':path', '/c']]],
    ['a status', [...PSEUDO, [':status', '200']]],
    ['a pseudo-header behind a header', [['te', 'trailers'], ...PSEUDO]],
    ['a large letter in a name', [...PSEUDO, ['X-a', '1']]],
    ['no name', [...PSEUDO, ['', '1']]],
    ['a colon in a name', [...PSEUDO, ['a:b', '1']]],
    ['a line break in a value', [...PSEUDO, ['a', '1\r\nb: 2']]],
    ['a NUL in a value', [...PSEUDO, ['a', '\0']]],
    ['a blank in front of a value', [...PSEUDO, ['a', ' 1']]],
    ['a blank behind a value', [...PSEUDO, ['a', '1\t']]],
    ['connection', [...PSEUDO, ['connection', 'close']]],
    ['transfer-encoding', [...PSEUDO, ['transfer-encoding', 'chunked']]],
    ['te of HTTP/1.1', [...PSEUDO, ['te', 'gzip']]],
    ['a length that is none', [...PSEUDO, ['content-length', '-1']]],
    ['two lengths', [...PSEUDO, ['content-length', '1'], ['content-length', '2']]],
  ])('is malformed: %s (§8.1.1)', (_name, pairs) => {
    expect(() => new RequestHead(fields(pairs))).toThrow(StreamError);
  });

  test.each<[string, readonly Pair[]]>([
    ['anything', [[':authority', '/tmp/x.sock'], ...PSEUDO]],
    ['twice', [[':authority', 'a'], [':authority', 'b'], ...PSEUDO]],
    ['last of all', [...PSEUDO, ['te', 'trailers'], [':authority', '\0 ']]],
  ])(':authority may be there %s (WLE-17)', (_name, pairs) => {
    expect(new RequestHead(fields(pairs)).path).toBe('/a/b');
  });

  test('may say the same length twice (RFC 9110 §8.6)', () => {
    expect(head(['content-length', '7'], ['content-length', '7']).contentLength).toBe(7);
  });

  test('is not what its names call up', () => {
    expect(head(['__proto__', 'a'], ['constructor', 'b']).get('__proto__')).toEqual(['a']);
    expect(head().get('constructor')).toEqual([]);
  });
});

describe('trailers (RFC 9113 §8.1)', () => {
  test('are headers', () => {
    expect(() => checkTrailers(fields([['x-a', '1']]))).not.toThrow();
  });

  test.each<Pair>([
    [':path', '/'],
    [':authority', 'a'],
    ['X-A', '1'],
    ['connection', 'close'],
  ])('without %s', (name, value) => {
    expect(() => checkTrailers(fields([[name, value]]))).toThrow(StreamError);
  });
});
