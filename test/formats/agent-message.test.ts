import { MAX_AGENT_LINE_BYTES, MAX_DENIALS, readAgentMessage } from '../../src/formats/agent-message.ts';
import { codeOf } from '../support/refusals.ts';

const read = (value: unknown) => readAgentMessage(Buffer.from(JSON.stringify(value)));

const DENIAL = {
  id: `0${'1'.repeat(31)}`,
  operation: 'FetchX509SVID',
  reason: 'no entry matches',
  selectors: ['unix:uid:1'],
  spiffeId: 'spiffe://example.org/web',
};

test.each([
  { type: 'ack', cursor: { epoch: 1, index: 0 } },
  { type: 'resync' },
  { type: 'denials', denials: [DENIAL] },
])('$type is read as it was written', (message) => {
  expect(read(message)).toEqual(message);
});

test('members that are not known are left aside', () => {
  expect(read({ type: 'ack', cursor: { epoch: 1, index: 2, more: 3 }, later: true })).toEqual({
    type: 'ack',
    cursor: { epoch: 1, index: 2 },
  });
});

test('a type that is not known is passed over', () => {
  expect(read({ type: 'later' })).toBeUndefined();
});

test.each([
  ['no object', 1],
  ['no type', {}],
  ['a type that is no text', { type: 1 }],
  ['no cursor', { type: 'ack' }],
  ['a cursor without an index', { type: 'ack', cursor: { epoch: 1 } }],
  ['a negative index', { type: 'ack', cursor: { epoch: 1, index: -1 } }],
  ['half an index', { type: 'ack', cursor: { epoch: 1, index: 0.5 } }],
  ['an index as text', { type: 'ack', cursor: { epoch: 1, index: '1' } }],
  ['no denials', { type: 'denials' }],
  ['an empty list', { type: 'denials', denials: [] }],
  ['too many', { type: 'denials', denials: Array.from({ length: MAX_DENIALS + 1 }, () => DENIAL) }],
  ['no object in the list', { type: 'denials', denials: [1] }],
  ['another kind of id', { type: 'denials', denials: [{ ...DENIAL, id: 'x' }] }],
  ['an operation that names somebody', { type: 'denials', denials: [{ ...DENIAL, operation: 'for <a@b>' }] }],
  ['no reason', { type: 'denials', denials: [{ ...DENIAL, reason: '' }] }],
  ['a reason of two lines', { type: 'denials', denials: [{ ...DENIAL, reason: 'a\nb' }] }],
  ['a long reason', { type: 'denials', denials: [{ ...DENIAL, reason: 'a'.repeat(1025) }] }],
  ['selectors that are none', { type: 'denials', denials: [{ ...DENIAL, selectors: ['uid'] }] }],
  ['selectors that are no list', { type: 'denials', denials: [{ ...DENIAL, selectors: 'a:b' }] }],
  ['many selectors', { type: 'denials', denials: [{ ...DENIAL, selectors: Array.from({ length: 65 }, () => 'a:b') }] }],
  ['a SPIFFE ID that is none', { type: 'denials', denials: [{ ...DENIAL, spiffeId: 'web' }] }],
  ['deep nesting', { type: 'x', a: { b: { c: { d: {} } } } }],
])('%s is refused', async (_what, value) => {
  expect(await codeOf(() => read(value))).toBe('invalid_request');
});

test('a line that is too long is refused', async () => {
  const line = Buffer.from(`{"type":"x","a":"${'b'.repeat(MAX_AGENT_LINE_BYTES)}"}`);
  expect(await codeOf(() => readAgentMessage(line))).toBe('payload_too_large');
});
