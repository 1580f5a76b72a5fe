import { Refusal } from '../../src/domain/refusal.ts';
import { CURSOR_TEXT, formatCursor, parseCursor } from '../../src/formats/cursor.ts';

test.each([
  ['1.0', { epoch: 1, index: 0 }],
  ['7.1234', { epoch: 7, index: 1234 }],
  ['999999999999.999999999999999', { epoch: 999_999_999_999, index: 999_999_999_999_999 }],
])('%s is a cursor', (text, cursor) => {
  expect(parseCursor(text, 'after')).toEqual(cursor);
  expect(formatCursor(cursor)).toBe(text);
  expect(text).toMatch(CURSOR_TEXT);
});

test.each([
  '',
  '1',
  '1.',
  '.1',
  '-1.2',
  '1.-2',
  '+1.2',
  '1.2.3',
  'a.b',
  '1.2e3',
  ' 1.2',
  '1.2\n',
  '1,2',
  '١.٢',
  '1000000000000.1',
  '1.1000000000000000',
])('%j is none', (text) => {
  expect(text).not.toMatch(CURSOR_TEXT);
  const parse = () => parseCursor(text, 'after');
  expect(parse).toThrow(Refusal);
  expect(parse).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'after' }) as Error);
});
