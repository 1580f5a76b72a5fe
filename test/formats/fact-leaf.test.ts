import { createHmac } from 'node:crypto';
import type { KeyId } from '../../src/domain/authority.ts';
import { CLEAR_MEMBERS } from '../../src/domain/fact-kinds.ts';
import type { Fact } from '../../src/domain/fact.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { RecordId } from '../../src/domain/record-id.ts';
import { commitmentTo, openFact, readFactLeaf, writeFactLeaf } from '../../src/formats/fact-leaf.ts';
import { authorityFixture, entryFixture, issuedFixture } from '../support/facts.ts';

const TIME = 1_767_225_600_000 as Instant;
const SALT = Uint8Array.from({ length: 32 }, (_, at) => at);
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

const there = (fact: Fact) => {
  const written = writeFactLeaf(fact, TIME, SALT);
  return { ...written, read: readFactLeaf(written.leaf) };
};

const DENIED: Fact = {
  kind: 'denied',
  id: '019b76da0c0000000000000000000001' as RecordId,
  operation: 'attest',
  code: 'attestation_refused',
  reason: 'no such token',
  source: '192.0.2.7',
};

describe('a leaf', () => {
  // transparency-log §9
  test('is canonical JSON with the commitment beside the clear members', () => {
    const { leaf, opening } = writeFactLeaf(DENIED, TIME, SALT);
    const detail = '{"reason":"no such token","source":"192.0.2.7"}';
    const commitment = createHmac('sha256', SALT).update(detail).digest('hex');
    expect(text(opening?.detail)).toBe(detail);
    expect(text(leaf)).toBe(
      `{"c":"${commitment}","code":"attestation_refused","id":"019b76da0c0000000000000000000001","k":"denied",` +
        `"operation":"attest","t":1767225600000,"v":1}`,
    );
  });

  // transparency-log §17 F
  test('the commitment is HMAC-SHA256 under the salt', () => {
    const detail = Buffer.from('{"actor":"alice@example.test","ip":"192.0.2.7"}');
    const commitment = 'f9d60c323406fbaf52d64a554e74263ea6fbc133be26b3abef12fe388b60af24';
    expect(commitmentTo({ salt: SALT, detail })).toBe(commitment);
  });

  test.each([0, 1, 55, 64, 200, 5000])('the commitment agrees with createHmac over %i octets', (length) => {
    const detail = Buffer.alloc(length, 'x');
    const expected = createHmac('sha256', SALT).update(detail).digest('hex');
    expect(commitmentTo({ salt: SALT, detail })).toBe(expected);
  });

  test('a fact without hidden members has no opening', () => {
    const { leaf, opening } = writeFactLeaf({ kind: 'server-stopped' }, TIME, SALT);
    expect(opening).toBeUndefined();
    expect(text(leaf)).toBe('{"k":"server-stopped","t":1767225600000,"v":1}');
  });

  // TL-15
  test.each(Object.entries(CLEAR_MEMBERS))('only the allowed members of %s stand in clear', (kind, names) => {
    const canary = Object.fromEntries(
      ['spiffeId', 'source', 'by', 'selectors', 'agent', 'x'].map((n) => [n, 'canary']),
    );
    const shape = { leans: { policy: 1 }, spends: [], authority: authorityFixture(), keys: [] };
    const { leaf } = writeFactLeaf({ ...shape, ...canary, kind } as unknown as Fact, TIME, SALT);
    const allowed = new Set(['c', 'k', 't', 'v', ...names]);
    expect(Object.keys(JSON.parse(text(leaf)) as object).filter((name) => !allowed.has(name))).toEqual([]);
    expect(text(leaf)).not.toContain('canary');
  });

  test.each<Fact>([
    { kind: 'authority-prepared', authority: authorityFixture({ blob: 'c2VhbGVk' }), by: 'test' },
    { kind: 'keys-resealed', keys: [{ id: 'ca-1' as KeyId, blob: 'c2VhbGVk' }], by: 'test' },
  ])('a sealed key is neither in the leaf nor in the detail of $kind', (fact) => {
    const { leaf, opening } = writeFactLeaf(fact, TIME, SALT);
    expect(text(leaf) + text(opening?.detail)).not.toContain('c2VhbGVk');
  });

  test('a leaf that is too long for the log is refused', () => {
    const fact: Fact = { ...DENIED, operation: 'o'.repeat(65_536) };
    expect(() => writeFactLeaf(fact, TIME, SALT)).toThrow(RangeError);
  });

  test('a salt of another length is refused', () => {
    expect(() => writeFactLeaf(DENIED, TIME, SALT.subarray(1))).toThrow(RangeError);
  });

  test('a member without a canonical form is refused', () => {
    const fact = { ...DENIED, asked: { scope: '\ud800' } } as Fact;
    expect(() => writeFactLeaf(fact, TIME, SALT)).toThrow(TypeError);
  });
});

describe('reading back', () => {
  const facts: Fact[] = [
    DENIED,
    { kind: 'server-started', version: '0.1.0', frontEnds: 2 },
    { kind: 'entry-created', entry: entryFixture(), by: 'uid 0', leans: { policy: 1 } },
    issuedFixture(),
    issuedFixture({ spends: [{ kind: 'renewal', key: 'ab', spki: 'cd', until: 5 }] }),
    issuedFixture({ leans: { policy: 1, authority: 'another' as KeyId, entry: { id: 'another', revision: 2 } } }),
  ];

  test.each(facts.map((fact) => [fact.kind, fact]))('%s comes back whole', (_kind, fact) => {
    const { read, opening } = there(fact);
    expect(read.time).toBe(TIME);
    expect(openFact(read, opening)).toEqual(fact);
  });

  test('what an issuance leans on is written once', () => {
    const { opening } = there(issuedFixture());
    const detail = text(opening?.detail);
    expect(detail.split('spiffe://example.org/mayfly/agent/').length - 1).toBe(1);
    expect(detail).not.toContain('"spends"');
  });

  // TL-14
  test('without its opening a fact stays closed', () => {
    expect(openFact(there(DENIED).read, undefined)).toBeUndefined();
  });

  test('an opening that was changed is found out', () => {
    const { read, opening } = there(DENIED);
    const detail = Buffer.from('{"source":"192.0.2.8"}');
    expect(() => openFact(read, { salt: opening?.salt ?? SALT, detail })).toThrow('does not fit');
  });

  test.each([
    '',
    '[]',
    '{}',
    '{"k":"denied","t":1,"v":2}',
    '{"k":"toString","t":1,"v":1}',
    '{"k":"denied","t":"1","v":1}',
  ])('other bytes are refused: %p', (json) => {
    expect(() => readFactLeaf(Buffer.from(json))).toThrow(/leaf|JSON|object/);
  });
});
