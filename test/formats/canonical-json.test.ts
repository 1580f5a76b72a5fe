import * as fc from 'fast-check';
import { canonicalJson, type CanonicalValue } from '../../src/formats/canonical-json.ts';

describe('canonicalJson', () => {
  test('sorts by UTF-16 code units', () => {
    // RFC 8785 §3.2.3: the order of its own example, with strings in place of the values.
    const value = {
      '\u20ac': 'E',
      '\r': 'C',
      '\ufb33': 'H',
      '1': 'O',
      '\ud83d\ude00': 'S',
      '\u0080': 'K',
      '\u00f6': 'L',
    };
    expect(Object.values(JSON.parse(canonicalJson(value)) as object)).toHaveLength(7);
    expect([...canonicalJson(value).matchAll(/:"(.)"/g)].map((match) => match[1])).toEqual([
      'C',
      'O',
      'K',
      'L',
      'E',
      'S',
      'H',
    ]);
  });

  test.each([
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
    [{ a: { z: [], y: {} }, A: null }, '{"A":null,"a":{"y":{},"z":[]}}'],
    [{ '10': 1, '9': 2 }, '{"10":1,"9":2}'],
    [[3, 1, 2], '[3,1,2]'],
    [-0, '0'],
    [9007199254740991, '9007199254740991'],
    ['\u0000\u001f"\\/\u007f\u2028é', '"\\u0000\\u001f\\"\\\\/\u007f\u2028é"'],
    ['\b\t\n\f\r', '"\\b\\t\\n\\f\\r"'],
    [true, 'true'],
    [Object.create(null) as CanonicalValue, '{}'],
  ])('%j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test.each([
    [1.5],
    [2 ** 53],
    [Number.NaN],
    [Infinity],
    [1n],
    [undefined],
    [{ a: undefined }],
    [[undefined]],
    [() => 1],
    [new Date(0)],
    [new Map()],
    [new Uint8Array(1)],
    ['\ud800'],
    [{ '\udc00': 1 }],
  ])('has no form for %p', (value) => {
    expect(() => canonicalJson(value as CanonicalValue)).toThrow(TypeError);
  });

  const value = fc
    .letrec<{ any: unknown }>((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.maxSafeInteger(),
        fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any')),
        fc.dictionary(fc.string(), tie('any'), { noNullPrototype: true }),
      ),
    }))
    .any.filter((value) => !JSON.stringify(value).includes('__proto__'));

  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, inner]) => [name, reversed(inner)]),
    );
  };

  test('the same value gives the same bytes, whatever the order of its members', () => {
    fc.assert(
      fc.property(value, (value) => {
        const text = canonicalJson(value as CanonicalValue);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value) as CanonicalValue)).toBe(text);
        expect(canonicalJson(JSON.parse(text) as CanonicalValue)).toBe(text);
      }),
    );
  });
});
