import { chooseEntry, evidenceRefused } from '../../src/domain/attestation.ts';
import type { Entry } from '../../src/domain/entry.ts';
import { instant } from '../../src/domain/instant.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';

const NOW = instant(1_800_000_000_000);
const web = parseSpiffeId('spiffe://example.org/web');
const job = parseSpiffeId('spiffe://example.org/job');

const entry = (id: string, changes: Partial<Entry> = {}): Entry => ({
  id,
  revision: 1,
  createdAt: NOW,
  updatedAt: NOW,
  spiffeId: web,
  parentId: parseSpiffeId('spiffe://example.org/mayfly/server'),
  selectors: ['a:1'],
  dnsNames: [],
  federatesWith: [],
  downstream: false,
  grants: [],
  jwtAudiences: [],
  ...changes,
});

describe('chooseEntry', () => {
  test('the entry that asks for most wins, whatever the order', () => {
    const specific = entry('z', { selectors: ['a:1', 'b:2'] });
    expect(chooseEntry([entry('a'), specific], NOW, undefined).id).toBe('z');
    expect(chooseEntry([specific, entry('a')], NOW, undefined).id).toBe('z');
  });

  test('between equals the lower id wins', () => {
    expect(chooseEntry([entry('b'), entry('a')], NOW, undefined).id).toBe('a');
  });

  test('the caller may choose between identities', () => {
    expect(chooseEntry([entry('a'), entry('b', { spiffeId: job })], NOW, job).id).toBe('b');
  });

  test.each([
    ['nothing matches', [], undefined],
    ['what matches has expired', [entry('a', { expiresAt: NOW / 1000 })], undefined],
    ['another identity was asked for', [entry('a')], job],
  ])('no identity when %s', (_what, entries, wanted) => {
    expect(() => chooseEntry(entries, NOW, wanted)).toThrow(expect.objectContaining({ code: 'no_identity' }));
  });

  test('several identities without a choice are ambiguous', () => {
    expect(() => chooseEntry([entry('a'), entry('b', { spiffeId: job })], NOW, undefined)).toThrow(
      expect.objectContaining({ code: 'ambiguous_identity', field: 'spiffeId' }),
    );
  });

  test('an expired entry makes nothing ambiguous', () => {
    const expired = entry('b', { spiffeId: job, expiresAt: NOW / 1000 - 1 });
    expect(chooseEntry([entry('a'), expired], NOW, undefined).id).toBe('a');
  });
});

// P7
test('all bad evidence reads the same in public', () => {
  expect(evidenceRefused('one').message).toBe(evidenceRefused('other').message);
  expect(evidenceRefused('one').reason).toBe('one');
});
