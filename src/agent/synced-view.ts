import type { Cursor } from '../domain/cursor.ts';
import type { Instant } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import { RevocationIndex, type Revocation } from '../domain/revocation.ts';
import { spiffeIdProblem } from '../domain/spiffe-id.ts';
import type {
  SyncBundle,
  SyncBundleMessage,
  SyncEntries,
  SyncRevocation,
  SyncRevocations,
} from '../formats/sync-message.ts';
import { EntryIndex } from './entry-index.ts';

/** What a commit changed. */
export interface ViewChange {
  readonly cursor: Cursor;
  /** Ids of the entries that are new, changed or gone. */
  readonly entries: ReadonlySet<string>;
  /** Whether revocations came or went. */
  readonly revocations: boolean;
  /** Whether bundles, own or federated, or what is tainted changed. */
  readonly bundle: boolean;
  /** Whether the log is in another epoch now: indexes of the two cannot be compared (DEC-10). */
  readonly epoch: boolean;
}

/** The parts of a snapshot or a delta. */
export type ViewPart = SyncEntries | SyncRevocations | SyncBundleMessage;

/** Everything that the server sent, as of one place of the log. */
interface ViewState {
  readonly entries: EntryIndex;
  readonly revocations: RevocationIndex;
  /** The revocations as they were sent, to be kept over a restart. */
  readonly sent: Map<string, SyncRevocation>;
  bundle: SyncBundleMessage | undefined;
}

const emptyState = (): ViewState => ({
  entries: new EntryIndex(),
  revocations: new RevocationIndex(),
  sent: new Map(),
  bundle: undefined,
});

/** Time and reason are not sent to agents: operators ask the server for them. */
const revocationOf = ({ id, target, predicates, index }: SyncRevocation): Revocation => ({
  id: id as RecordId,
  target,
  predicates,
  index,
  at: 0 as Instant,
  reason: '',
});

const isEqual = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * What the server sent on `GET /v1/sync` (DEC-35), as of the last cursor. Parts between `begin` and `commit` come into force all
 * at once with `commit`, and not before.
 */
export class SyncedView {
  #now = emptyState();
  #staged: ViewPart[] = [];
  #isWhole = false;
  #cursor: Cursor | undefined;

  /** Where in the log this stands; undefined before the first commit. */
  get cursor(): Cursor | undefined {
    return this.#cursor;
  }

  get entries(): Pick<EntryIndex, 'get' | 'all' | 'matching' | 'hasKind' | 'size'> {
    return this.#now.entries;
  }

  get revocations(): Pick<RevocationIndex, 'barring' | 'killing'> {
    return this.#now.revocations;
  }

  get bundle(): SyncBundle | undefined {
    return this.#now.bundle?.bundle;
  }

  /** The bundles of other trust domains. */
  get federated(): readonly SyncBundle[] {
    return this.#now.bundle?.federated ?? [];
  }

  /** Keys whose signatures are to be replaced (DEC-22). */
  get tainted(): readonly string[] {
    return this.#now.bundle?.tainted ?? [];
  }

  /** Parts follow; those that were not committed are dropped. `whole`: they replace everything. */
  begin(whole: boolean): void {
    this.#staged = [];
    this.#isWhole = whole;
  }

  tell(part: ViewPart): void {
    this.#staged.push(part);
  }

  /** Puts the staged parts in force. */
  commit(cursor: Cursor): ViewChange {
    const before = this.#cursor;
    const staged = this.#staged;
    const whole = this.#isWhole;
    this.begin(false);
    this.#cursor = cursor;
    const changed = whole ? this.#replace(staged) : this.#change(staged);
    return { cursor, epoch: before !== undefined && before.epoch !== cursor.epoch, ...changed };
  }

  /** The parts from which another view gets the same state. */
  parts(): readonly ViewPart[] {
    const { entries, sent, bundle } = this.#now;
    return [
      { type: 'entries', entries: [...entries.all()], removed: [] },
      { type: 'revocations', revocations: [...sent.values()], removed: [] },
      ...(bundle ? [bundle] : []),
    ];
  }

  /** As if nothing had ever been sent. */
  forget(): void {
    this.#now = emptyState();
    this.begin(false);
    this.#cursor = undefined;
  }

  /** Applies a delta. */
  #change(staged: readonly ViewPart[]): Pick<ViewChange, 'entries' | 'revocations' | 'bundle'> {
    const { bundle } = this.#now;
    const entries = new Set<string>();
    let revocations = false;
    for (const message of staged) {
      if (message.type === 'entries') {
        for (const { id } of message.entries) entries.add(id);
        for (const id of message.removed) if (this.#now.entries.get(id)) entries.add(id);
      }
      revocations ||= message.type === 'revocations';
      applyPart(this.#now, message);
    }
    return { entries, revocations, bundle: !isEqual(bundle, this.#now.bundle) };
  }

  /** Applies a snapshot. What it has in common with the state before counts as unchanged. */
  #replace(staged: readonly ViewPart[]): Pick<ViewChange, 'entries' | 'revocations' | 'bundle'> {
    const before = this.#now;
    const now = emptyState();
    for (const message of staged) applyPart(now, message);
    // The same object for the same content, so that what was made from it stays valid.
    if (isEqual(before.bundle, now.bundle)) now.bundle = before.bundle;
    this.#now = now;
    const entries = new Set<string>();
    for (const entry of now.entries.all()) {
      const known = before.entries.get(entry.id);
      if (!isEqual(known, entry)) entries.add(entry.id);
    }
    for (const { id } of before.entries.all()) if (!now.entries.get(id)) entries.add(id);
    return {
      entries,
      revocations: !isEqual([...before.sent.values()], [...now.sent.values()]),
      bundle: before.bundle !== now.bundle,
    };
  }
}

const applyPart = (state: ViewState, message: ViewPart): void => {
  switch (message.type) {
    case 'entries':
      for (const id of message.removed) state.entries.remove(id);
      for (const entry of message.entries) {
        // No Mayfly server sends a malformed ID; nothing could be done with one.
        if (spiffeIdProblem(entry.spiffeId) === undefined) state.entries.put(entry);
        else state.entries.remove(entry.id);
      }
      return;
    case 'revocations':
      for (const id of message.removed) forgetRevocation(state, id);
      for (const revocation of message.revocations) {
        forgetRevocation(state, revocation.id);
        state.sent.set(revocation.id, revocation);
        state.revocations.add(revocationOf(revocation));
      }
      return;
    case 'bundle':
      if (!isEqual(state.bundle, message)) state.bundle = message;
  }
};

const forgetRevocation = (state: ViewState, id: string): void => {
  state.sent.delete(id);
  state.revocations.remove(id as RecordId);
};
