import * as fc from 'fast-check';
import { SyncedView, type ViewPart } from '../../src/agent/synced-view.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { SyncBundleMessage, SyncEntry, SyncRevocation } from '../../src/formats/sync-message.ts';

const entry = (id: string, changes: Partial<SyncEntry> = {}): SyncEntry => ({
  id,
  revision: 1,
  spiffeId: `spiffe://example.org/${id}`,
  selectors: ['unix:uid:1'],
  createdAt: 0,
  ...changes,
});

const entries = (put: readonly SyncEntry[], ...removed: string[]): ViewPart => ({
  type: 'entries',
  entries: put,
  removed,
});

const cutoff = (id: string, value: string, index: number): SyncRevocation => ({
  id,
  target: { kind: 'identity', value },
  predicates: ['cutoff', 'block'],
  index,
});

const revocations = (put: readonly SyncRevocation[], ...removed: string[]): ViewPart => ({
  type: 'revocations',
  revocations: put,
  removed,
});

const bundle = (sequence: number, ...tainted: string[]): SyncBundleMessage => ({
  type: 'bundle',
  bundle: { trustDomain: 'example.org', sequence, x509Authorities: [], jwtKeys: [] },
  tainted,
});

const WEB = 'spiffe://example.org/web' as SpiffeId;

const tell = (view: SyncedView, whole: boolean, index: number, ...parts: ViewPart[]) => {
  view.begin(whole);
  for (const part of parts) view.tell(part);
  return view.commit({ epoch: 1, index });
};

const idsOf = (view: SyncedView): string[] => [...view.entries.all()].map(({ id }) => id).sort();

test('nothing holds before the first cursor', () => {
  const view = new SyncedView();
  view.begin(true);
  view.tell(entries([entry('web')]));
  view.tell(revocations([cutoff('r', WEB, 3)]));
  view.tell(bundle(1));
  expect(view.cursor).toBeUndefined();
  expect(view.entries.size).toBe(0);
  expect(view.bundle).toBeUndefined();
  expect(view.revocations.barring({ spiffeId: WEB })).toBeUndefined();
  expect(view.commit({ epoch: 1, index: 7 })).toEqual({
    cursor: { epoch: 1, index: 7 },
    entries: new Set(['web']),
    revocations: true,
    bundle: true,
    epoch: false,
  });
  expect(view.cursor).toEqual({ epoch: 1, index: 7 });
  expect(view.entries.matching(['unix:uid:1'])).toEqual([entry('web')]);
  expect(view.revocations.killing({ spiffeId: WEB }, 2)?.id).toBe('r');
});

test('what a broken connection left unfinished is dropped', () => {
  const view = new SyncedView();
  tell(view, true, 1, entries([entry('web')]), bundle(1));
  view.begin(false);
  view.tell(entries([], 'web'));
  view.begin(false);
  expect(view.commit({ epoch: 1, index: 2 })).toMatchObject({ entries: new Set(), bundle: false });
  expect(idsOf(view)).toEqual(['web']);
});

test('a whole state drops what it does not name, and reports only what differs', () => {
  const view = new SyncedView();
  tell(
    view,
    true,
    1,
    entries([entry('same'), entry('other'), entry('gone')]),
    revocations([cutoff('r', WEB, 1)]),
    bundle(1),
  );
  const kept = view.bundle;
  const change = tell(
    view,
    true,
    5,
    entries([entry('same'), entry('other', { revision: 2, x509Ttl: 60 }), entry('new')]),
    revocations([cutoff('r', WEB, 1)]),
    bundle(1),
  );
  expect(change.entries).toEqual(new Set(['other', 'new', 'gone']));
  expect(change).toMatchObject({ revocations: false, bundle: false });
  expect(idsOf(view)).toEqual(['new', 'other', 'same']);
  expect(view.bundle).toBe(kept);
});

test('a revocation that stands already is replaced, one that is taken back is gone', () => {
  const view = new SyncedView();
  tell(view, true, 1, revocations([cutoff('r', WEB, 5)]));
  tell(view, false, 2, revocations([{ ...cutoff('r', WEB, 5), predicates: ['cutoff'] }]));
  expect(view.revocations.barring({ spiffeId: WEB })).toBeUndefined();
  expect(view.revocations.killing({ spiffeId: WEB }, 4)?.id).toBe('r');
  expect(tell(view, false, 3, revocations([], 'r'))).toMatchObject({ revocations: true });
  expect(view.revocations.killing({ spiffeId: WEB }, 4)).toBeUndefined();
});

test('an id that was never held may be said to be removed', () => {
  const view = new SyncedView();
  tell(view, true, 1);
  expect(tell(view, false, 2, entries([], 'never'), revocations([], 'never')).entries).toEqual(new Set());
});

test('an entry whose SPIFFE ID is malformed counts for nothing', () => {
  const view = new SyncedView();
  tell(view, true, 1, entries([entry('web')]));
  tell(view, false, 2, entries([entry('web', { spiffeId: 'spiffe://example.org/%41' })]));
  expect(view.entries.size).toBe(0);
});

test('another epoch is told', () => {
  const view = new SyncedView();
  tell(view, true, 9);
  view.begin(false);
  expect(view.commit({ epoch: 2, index: 4 }).epoch).toBe(true);
});

test('taint and bundle are told apart from entries', () => {
  const view = new SyncedView();
  tell(view, true, 1, entries([entry('web')]), bundle(1));
  expect(tell(view, false, 2, bundle(1, 'aa'))).toMatchObject({ bundle: true, entries: new Set(), revocations: false });
  expect(view.tainted).toEqual(['aa']);
});

test('it can be forgotten', () => {
  const view = new SyncedView();
  tell(view, true, 1, entries([entry('web')]), bundle(1), revocations([cutoff('r', WEB, 5)]));
  view.forget();
  expect([view.cursor, view.bundle, view.entries.size]).toEqual([undefined, undefined, 0]);
  expect(view.revocations.barring({ spiffeId: WEB })).toBeUndefined();
});

/** Entries and revocations of a log, told in whole states and changes with commits at any time, against a model. */
test('whatever comes, what holds is what was told up to the last cursor', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ put: id, revision: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ drop: id }) },
    { weight: 3, arbitrary: fc.record({ revoke: id, index: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ release: id }) },
    { weight: 4, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('reset' as const) },
    { weight: 1, arbitrary: fc.constant('break' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const view = new SyncedView();
      type Model = { entries: Map<string, SyncEntry>; revocations: Map<string, SyncRevocation> };
      const empty = (): Model => ({ entries: new Map(), revocations: new Map() });
      let held = empty();
      let next = empty();
      view.begin(true);
      let index = 0;
      const copy = (of: Model): Model => ({ entries: new Map(of.entries), revocations: new Map(of.revocations) });
      for (const one of steps) {
        if (one === 'commit') {
          view.commit({ epoch: 1, index: (index += 1) });
          held = copy(next);
        } else if (one === 'reset') {
          view.begin(true);
          next = empty();
        } else if (one === 'break') {
          view.begin(false);
          next = copy(held);
        } else if ('put' in one) {
          const made = entry(one.put, { revision: one.revision });
          view.tell(entries([made]));
          next.entries.set(made.id, made);
        } else if ('drop' in one) {
          view.tell(entries([], one.drop));
          next.entries.delete(one.drop);
        } else if ('revoke' in one) {
          const made = cutoff(one.revoke, `spiffe://example.org/${one.revoke}`, one.index);
          view.tell(revocations([made]));
          next.revocations.set(made.id, made);
        } else {
          view.tell(revocations([], one.release));
          next.revocations.delete(one.release);
        }
        expect(idsOf(view)).toEqual([...held.entries.keys()].sort());
        for (const each of held.entries.values()) expect(view.entries.get(each.id)).toEqual(each);
        for (const name of ['a', 'b', 'c', 'd']) {
          const known = held.revocations.get(name);
          const subject = { spiffeId: `spiffe://example.org/${name}` as SpiffeId };
          expect(view.revocations.barring(subject)?.id).toBe(known?.id);
          expect(view.revocations.killing(subject, 25) !== undefined).toBe(known !== undefined && known.index > 25);
        }
      }
      // Told once more to another view, it is the same.
      const other = new SyncedView();
      other.begin(true);
      for (const part of view.parts()) other.tell(part);
      other.commit({ epoch: 1, index });
      expect(idsOf(other)).toEqual(idsOf(view));
    }),
  );
});
