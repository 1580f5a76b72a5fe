import type { Instant } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import { RevocationIndex, type Revocation } from '../domain/revocation.ts';
import { spiffeIdProblem } from '../domain/spiffe-id.ts';
import type {
  SyncBundle,
  SyncBundleMessage,
  SyncEntries,
  SyncPlace,
  SyncRevocation,
  SyncRevocations,
} from '../formats/sync-message.ts';
import { EntryIndex } from './entry-index.ts';

/** What a cursor brought. */
export interface ViewChange {
  readonly cursor: SyncPlace;
  /** Ids of the entries that are new, other than they were, or gone. */
  readonly entries: ReadonlySet<string>;
  /** Whether revocations came or went. */
  readonly revocations: boolean;
  /** Whether bundles, own or federated, or what is tainted changed. */
  readonly bundle: boolean;
  /** The log goes on in another epoch: places from before say nothing about the order with those of now (DEC-10). */
  readonly epoch: boolean;
}

/** The parts in which a state, or a change of one, is told. */
export type ViewPart = SyncEntries | SyncRevocations | SyncBundleMessage;

/** Everything that the server told, as of one place of the log. */
interface Told {
  readonly entries: EntryIndex;
  readonly revocations: RevocationIndex;
  readonly told: Map<string, SyncRevocation>;
  bundle: SyncBundleMessage | undefined;
}

const nothingTold = (): Told => ({
  entries: new EntryIndex(),
  revocations: new RevocationIndex(),
  told: new Map(),
  bundle: undefined,
});

/** When and why are for operators, who ask the server. */
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
 * What the server told on `GET /v1/sync` (DEC-35), as it holds at the last cursor. What is told between `begin` and `commit`
 * changes nothing until `commit`, and then all at once.
 */
export class SyncedView {
  #now = nothingTold();
  #staged: ViewPart[] = [];
  #isWhole = false;
  #cursor: SyncPlace | undefined;

  /** Where in the log this is; undefined until the first state is whole. */
  get cursor(): SyncPlace | undefined {
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

  /** Of other trust domains. */
  get federated(): readonly SyncBundle[] {
    return this.#now.bundle?.federated ?? [];
  }

  /** Keys whose signatures are to be replaced (DEC-22). */
  get tainted(): readonly string[] {
    return this.#now.bundle?.tainted ?? [];
  }

  /** Parts follow; those that were begun and not committed are dropped. `whole`: in place of all that is known. */
  begin(whole: boolean): void {
    this.#staged = [];
    this.#isWhole = whole;
  }

  tell(part: ViewPart): void {
    this.#staged.push(part);
  }

  /** What was told holds from here on. */
  commit(cursor: SyncPlace): ViewChange {
    const before = this.#cursor;
    const staged = this.#staged;
    const whole = this.#isWhole;
    this.begin(false);
    this.#cursor = cursor;
    const changed = whole ? this.#replace(staged) : this.#change(staged);
    return { cursor, epoch: before !== undefined && before.epoch !== cursor.epoch, ...changed };
  }

  /** The parts that tell all of this to another view. */
  parts(): readonly ViewPart[] {
    const { entries, told, bundle } = this.#now;
    return [
      { type: 'entries', entries: [...entries.all()], removed: [] },
      { type: 'revocations', revocations: [...told.values()], removed: [] },
      ...(bundle ? [bundle] : []),
    ];
  }

  /** As if nothing had ever been told. */
  forget(): void {
    this.#now = nothingTold();
    this.begin(false);
    this.#cursor = undefined;
  }

  /** Changes to what is known. */
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
      tell(this.#now, message);
    }
    return { entries, revocations, bundle: !isEqual(bundle, this.#now.bundle) };
  }

  /** A whole state; what it has in common with the last one did not change. */
  #replace(staged: readonly ViewPart[]): Pick<ViewChange, 'entries' | 'revocations' | 'bundle'> {
    const before = this.#now;
    const now = nothingTold();
    for (const message of staged) tell(now, message);
    // One object for one content: what was made from it stays good.
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
      revocations: !isEqual([...before.told.values()], [...now.told.values()]),
      bundle: before.bundle !== now.bundle,
    };
  }
}

const tell = (state: Told, message: ViewPart): void => {
  switch (message.type) {
    case 'entries':
      for (const id of message.removed) state.entries.remove(id);
      for (const entry of message.entries) {
        // No server of ours names one that is malformed; nothing could be made of it.
        if (spiffeIdProblem(entry.spiffeId) === undefined) state.entries.put(entry);
        else state.entries.remove(entry.id);
      }
      return;
    case 'revocations':
      for (const id of message.removed) forgetRevocation(state, id);
      for (const revocation of message.revocations) {
        forgetRevocation(state, revocation.id);
        state.told.set(revocation.id, revocation);
        state.revocations.add(revocationOf(revocation));
      }
      return;
    case 'bundle':
      if (!isEqual(state.bundle, message)) state.bundle = message;
  }
};

const forgetRevocation = (state: Told, id: string): void => {
  state.told.delete(id);
  state.revocations.remove(id as RecordId);
};
