import * as fc from 'fast-check';
import { Refusal } from '../../src/domain/refusal.ts';
import { parseJson, parseJsonObject, type ParseJsonOptions } from '../../src/formats/json.ts';

const refusalOf = (input: string | Uint8Array, options?: ParseJsonOptions): Refusal | undefined => {
  try {
    parseJson(input, options);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
};

describe('parseJson', () => {
  test.each([
    '{}',
    '[]',
    'null',
    '-0',
    '1.5e3',
    '9007199254740991',
    '"\\u0041"',
    '"\\ud83d\\ude00"',
    ' { "a" : [ 1 , { "a" : 2 } ] , "b" : { "a" : "a" } } ',
    '{"a":"b","b":"a","constructor":1}',
    '{"":0," ":0}',
    '["a","a",":"]',
    '{"a":"x\\":{","b":"}]"}',
    '[{"a":1},{"a":1}]',
    '1e-999',
  ])('%s is what JSON.parse says', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  // JW-02, TDB-31
  test.each([
    '{"sub":"a","sub":"b"}',
    '{"sub":"a","s\\u0075b":"b"}',
    '{"sub":"a" , "sub" : "b"}',
    '{"a":{"x":1,"y":[],"x":2}}',
    '[{"a":1,"a":1}]',
    '{"":1,"":2}',
    '{"a\\n":1,"a\\u000a":2}',
  ])('refuses the duplicate member in %s', (text) => {
    expect(refusalOf(text)?.reason).toBe('an object holds a member twice');
  });

  test.each(['{"__proto__":{}}', '{"a":{"__proto__":null}}', '{"\\u005f_proto__":1}', '[{"__proto__" :1}]'])(
    'refuses the prototype in %s',
    (text) => {
      expect(refusalOf(text)?.reason).toBe('a member is named __proto__');
    },
  );

  test.each(['"\\ud800"', '"\\ude00\\ud83d"', '{"\\ud800":1}', '"\ud800"', '["a\udc00"]'])(
    'refuses the lone surrogate in %j',
    (text) => {
      expect(refusalOf(text)?.reason).toBe('a string holds half of a surrogate pair');
    },
  );

  test.each([
    ['1e999', 'a number is too large'],
    ['[-1e999]', 'a number is too large'],
    ['{"exp":1e400}', 'a number is too large'],
    [`1${'0'.repeat(400)}`, 'an integer lies beyond 2^53'],
    ['9007199254740992', 'an integer lies beyond 2^53'],
    ['-9007199254740993', 'an integer lies beyond 2^53'],
  ])('refuses the number %s', (text, reason) => {
    expect(refusalOf(text)?.reason).toBe(reason);
  });

  test.each([
    '',
    ' ',
    '{',
    '}',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    "{'a':1}",
    '{a:1}',
    '01',
    '1.',
    '.5',
    '+1',
    '-',
    'NaN',
    'Infinity',
    'undefined',
    '"',
    '"\\',
    '"\\x"',
    '"a\nb"',
    '"\\u12"',
    '{}{}',
    'null null',
    '//x\n1',
    '\ufeff{}',
    '\u00a0{}',
    '{"a":1]}',
    '"a":1',
    '{"a":"b":"c"}',
  ])('refuses %j as no JSON', (text) => {
    expect(refusalOf(text)?.code).toBe('invalid_request');
  });

  test.each([
    [[0xff]],
    [[0x22, 0xc3, 0x22]],
    [[0x22, 0xed, 0xa0, 0x80, 0x22]],
    [[0x22, 0xc0, 0x80, 0x22]],
    [[0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
  ])('refuses the octets %j', (octets) => {
    expect(refusalOf(Uint8Array.from(octets))?.code).toBe('invalid_request');
  });

  test('depth is limited, scalars do not count', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(refusalOf(nested(16))).toBeUndefined();
    expect(refusalOf(nested(17))?.reason).toBe('it nests deeper than 16');
    expect(refusalOf('1', { maxDepth: 0 })).toBeUndefined();
    expect(refusalOf('[]', { maxDepth: 0 })).toBeDefined();
    expect(refusalOf(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`)?.code).toBe('invalid_request');
    // Siblings are not depth.
    expect(refusalOf(`[${'[],'.repeat(1000)}[]]`, { maxDepth: 2 })).toBeUndefined();
  });

  test('size is limited in octets, before anything is read', () => {
    expect(refusalOf('"aaa"', { maxBytes: 5 })).toBeUndefined();
    expect(refusalOf('"äa"', { maxBytes: 5 })).toBeUndefined();
    expect(refusalOf('"äaa"', { maxBytes: 5 })?.code).toBe('payload_too_large');
    expect(refusalOf(Buffer.alloc(6, 0xff), { maxBytes: 5 })?.code).toBe('payload_too_large');
    expect(refusalOf(' '.repeat(65_537))?.code).toBe('payload_too_large');
  });

  // TDB-2
  test('keeps 64-bit integers when asked', () => {
    const text = '{"n":18446744073709551615,"m":-9007199254740993,"small":7,"float":1e30}';
    expect(parseJson(text, { bigIntegers: true })).toEqual({
      n: 18446744073709551615n,
      m: -9007199254740993n,
      small: 7,
      float: 1e30,
    });
  });

  test('accepts every value that JSON.stringify writes, and nothing is changed', () => {
    const safe = fc.jsonValue({ maxDepth: 8 }).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(safe, (text) => {
        const refusal = refusalOf(text);
        if (refusal === undefined) expect(parseJson(text)).toEqual(JSON.parse(text));
        else expect(refusal.reason).toMatch(/2\^53|__proto__|surrogate/);
      }),
    );
  });

  test('on any text: only a refusal, or the answer of JSON.parse', () => {
    const jsonish = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0019-.eEab tn'.split('')), maxLength: 24 });
    fc.assert(
      fc.property(jsonish, (text) => {
        if (refusalOf(text) === undefined) expect(parseJson(text)).toEqual(JSON.parse(text));
        else expect(refusalOf(text)).toBeInstanceOf(Refusal);
      }),
      { numRuns: 2000 },
    );
  });

  test('no object with a repeated name passes', () => {
    const member = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer());
    fc.assert(
      fc.property(fc.array(member, { maxLength: 5 }), (members) => {
        const text = `{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`;
        const isUnique = new Set(members.map(([name]) => name)).size === members.length;
        expect(refusalOf(text) === undefined).toBe(isUnique);
      }),
    );
  });
});

describe('parseJsonObject', () => {
  test.each(['[]', 'null', '1', '"a"', 'true'])('refuses %s', (text) => {
    expect(() => parseJsonObject(text)).toThrow(Refusal);
  });

  test('gives the members', () => {
    expect(parseJsonObject('{"a":[true,null]}')).toEqual({ a: [true, null] });
  });
});
