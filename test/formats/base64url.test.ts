import * as fc from 'fast-check';
import { Refusal } from '../../src/domain/refusal.ts';
import { decodeBase64, decodeBase64url, encodeBase64url } from '../../src/formats/base64url.ts';

describe('base64url', () => {
  test.each([
    ['', ''],
    ['Zg', 'f'],
    ['Zm8', 'fo'],
    ['Zm9v', 'foo'],
    ['-_-_', '\u00fb\u00ff\u00bf'],
  ])('%j', (text, latin1) => {
    expect(decodeBase64url(text).toString('latin1')).toBe(latin1);
    expect(encodeBase64url(Buffer.from(latin1, 'latin1'))).toBe(text);
  });

  // JW-02
  test.each([
    'Zg==',
    'Zm8=',
    'Zh',
    'Zm9',
    'Z',
    'Zm9vY',
    '+/+/',
    'Zm 8',
    'Zm8\n',
    ' Zm8',
    'Zm8.',
    'Zm\u00e98',
    'Zm8\u0000',
    '=',
    'Zm\u4e388',
  ])('refuses %j', (text) => {
    expect(() => decodeBase64url(text)).toThrow(Refusal);
  });

  test('each value has one spelling', () => {
    const alphabet = 'ABYZabyz0189-_+/='.split('');
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 9 }), (text) => {
        let bytes: Buffer;
        try {
          bytes = decodeBase64url(text);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          return;
        }
        expect(encodeBase64url(bytes)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test('a text is encoded as UTF-8, a view with its own bounds', () => {
    expect(encodeBase64url('é')).toBe('w6k');
    expect(encodeBase64url(Buffer.from('xfoox').subarray(1, 4))).toBe('Zm9v');
  });
});

describe('base64', () => {
  test.each([
    ['', ''],
    ['Zg==', 'f'],
    ['Zm8=', 'fo'],
    ['+/+/', '\u00fb\u00ff\u00bf'],
  ])('%j', (text, latin1) => {
    expect(decodeBase64(text).toString('latin1')).toBe(latin1);
  });

  test.each(['Zg', 'Zg=', 'Zh==', '-_-_', 'Zm8= ', 'Zm\n8=', 'Zm8==', '===='])('refuses %j', (text) => {
    expect(() => decodeBase64(text)).toThrow(Refusal);
  });
});
