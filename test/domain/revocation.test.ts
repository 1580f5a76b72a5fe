import { instant } from '../../src/domain/instant.ts';
import { recordId, type RecordId } from '../../src/domain/record-id.ts';
import {
  hits,
  type Predicate,
  RevocationIndex,
  type RevocationTarget,
  revocationSubject,
} from '../../src/domain/revocation.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';

const web = parseSpiffeId('spiffe://example.org/prod/web');
const agent = parseSpiffeId('spiffe://example.org/mayfly/agent/join_token/one');
const subject = { spiffeId: web, agent, entry: 'e1', credential: 'c1' };

let made = 0;
const newId = (): RecordId => recordId(instant(1_800_000_000_000), Buffer.alloc(10, (made += 1)));

const revocation = (target: RevocationTarget, predicates: readonly Predicate[], index = 10) => ({
  id: newId(),
  target,
  predicates,
  index,
  at: instant(1_800_000_000_000),
  reason: 'key_compromise',
});

const indexOf = (target: RevocationTarget, ...predicates: Predicate[]) => {
  const index = new RevocationIndex();
  const held = revocation(target, predicates);
  index.add(held);
  return { index, held };
};

const identity = { kind: 'identity', value: web } as const;

describe('what a target hits', () => {
  // DEC-6: a prefix matches whole path segments
  test.each<[RevocationTarget, boolean]>([
    [identity, true],
    [{ kind: 'identity', value: 'spiffe://example.org/prod/web2' }, false],
    [{ kind: 'prefix', value: 'spiffe://example.org' }, true],
    [{ kind: 'prefix', value: 'spiffe://example.org/prod' }, true],
    [{ kind: 'prefix', value: web }, true],
    [{ kind: 'prefix', value: 'spiffe://example.org/pro' }, false],
    [{ kind: 'prefix', value: 'spiffe://example.org/prod/web/a' }, false],
    [{ kind: 'prefix', value: 'spiffe://example.or' }, false],
    [{ kind: 'agent', value: agent }, true],
    [{ kind: 'agent', value: web }, true],
    [{ kind: 'agent', value: 'spiffe://example.org/mayfly/agent/join_token/two' }, false],
    [{ kind: 'entry', value: 'e1' }, true],
    [{ kind: 'entry', value: 'e2' }, false],
    [{ kind: 'credential', value: 'c1' }, true],
    [{ kind: 'credential', value: 'c2' }, false],
  ])('%j: %s', (target, expected) => {
    expect(hits(target, subject)).toBe(expected);
    const { index } = indexOf(target, 'cutoff', 'block');
    expect(index.barring(subject) !== undefined).toBe(expected);
    expect(index.killing(subject, 9) !== undefined).toBe(expected);
  });

  test('a subject without agent, entry or credential is hit by its own ID only', () => {
    for (const kind of ['entry', 'credential'] as const) {
      expect(indexOf({ kind, value: 'undefined' }, 'block').index.barring({ spiffeId: web })).toBeUndefined();
    }
    expect(indexOf({ kind: 'agent', value: agent }, 'block').index.barring({ spiffeId: web })).toBeUndefined();
  });
});

describe('what the predicates mean', () => {
  test('a cutoff kills what was issued below its index, and bars nothing', () => {
    const { index } = indexOf(identity, 'cutoff');
    expect(index.killing(subject, 9)).toBeDefined();
    expect(index.killing(subject, 10)).toBeUndefined();
    expect(index.killing(subject, 11)).toBeUndefined();
    expect(index.barring(subject)).toBeUndefined();
  });

  test('a block bars issuance, and kills nothing', () => {
    const { index } = indexOf(identity, 'block');
    expect(index.barring(subject)).toBeDefined();
    expect(index.killing(subject, 9)).toBeUndefined();
  });

  test('a hold does both, whatever the index', () => {
    const { index } = indexOf(identity, 'hold');
    expect(index.barring(subject)).toBeDefined();
    expect(index.killing(subject, 11)).toBeDefined();
  });

  test('a lock stops renewal and nothing else', () => {
    const { index } = indexOf(identity, 'lock');
    expect(index.locking(web)).toBeDefined();
    expect(index.barring(subject)).toBeUndefined();
    expect(index.killing(subject, 9)).toBeUndefined();
  });
});

describe('release', () => {
  test('takes back block, hold and lock; a cutoff is final', () => {
    const { index, held } = indexOf(identity, 'cutoff', 'block');
    index.release(held.id);
    expect(index.barring(subject)).toBeUndefined();
    expect(index.killing(subject, 9)).toMatchObject({ id: held.id, predicates: ['cutoff'] });

    const other = indexOf({ kind: 'prefix', value: 'spiffe://example.org/prod' }, 'hold');
    other.index.release(other.held.id);
    expect(other.index.killing(subject, 9)).toBeUndefined();
    expect(other.index.all()).toEqual([]);
  });

  test('of one leaves another on the same target in force; of an unknown one changes nothing', () => {
    const { index, held } = indexOf(identity, 'block');
    const second = revocation(identity, ['block']);
    index.add(second);
    index.release(held.id);
    expect(index.barring(subject)?.id).toBe(second.id);
    index.release(newId());
    expect(index.all()).toEqual([second]);
  });
});

describe('what revocations are asked about', () => {
  test('is a credential with what it came through', () => {
    expect(revocationSubject({ id: 'c1', spiffeId: web, entry: 'e1', agent })).toEqual(subject);
  });

  test('has no entry and no agent when it came through none', () => {
    expect(revocationSubject({ id: 'c1', spiffeId: web })).toStrictEqual({ spiffeId: web, credential: 'c1' });
  });
});
