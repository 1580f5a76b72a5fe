import { type Entry, isLiveEntry } from '../../../domain/entry.ts';
import type { RecordId } from '../../../domain/record-id.ts';
import { serverId, type SpiffeId } from '../../../domain/spiffe-id.ts';
import type { Change } from '../../../ports/views.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { inSlices, type StandAside } from '../../../usecases/slices.ts';
import type { FeedWriter } from '../../../usecases/feed-writer.ts';
import { removalLines } from '../../../usecases/feed-lines.ts';
import type { AgentStream } from './agent-stream.ts';
import type { Outbox } from './outbox.ts';
import type { StreamTable } from './stream-table.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy' | 'follower'>;

/** An entry that changed, as it is now, and all parents that it had before. */
interface Changed {
  readonly id: string;
  readonly entry: Entry | undefined;
  readonly before: ReadonlySet<SpiffeId>;
}

/** Finds the agents that a change concerns, and puts the lines that each of them gets into the outbox. */
export class ChangeRouter {
  readonly #issuer: Reader;
  readonly #writer: FeedWriter;
  readonly #table: StreamTable;
  readonly #standAside: StandAside;

  constructor(issuer: Reader, writer: FeedWriter, table: StreamTable, standAside: StandAside) {
    this.#issuer = issuer;
    this.#writer = writer;
    this.#table = table;
    this.#standAside = standAside;
  }

  /** For entries that were created, changed, moved or deleted; agents may join or leave groups by them. */
  async entries(changes: readonly Change[], outbox: Outbox): Promise<void> {
    const changed = this.#read(changes);
    const server = serverId(this.#issuer.policy.trustDomain);
    const groups = changed.filter(({ entry, before }) => entry?.parentId === server || before.has(server));
    this.#routeRemovals(changed, outbox);
    if (groups.length > 0) await this.#regroup(groups, outbox);
    // Last, since an agent under both the old and the new parent still has the entry.
    this.#routePresent(changed, outbox);
  }

  /** For revocations that were made or released. */
  async revocations(changes: readonly Change[], outbox: Outbox): Promise<void> {
    for (const id of new Set(changes.map(({ subject }) => subject as RecordId))) {
      const told = this.#writer.revocation(id);
      if (!told) continue;
      const recipients = await this.#writer.revocations.recipients(told.revocation, this.#standAside);
      outbox.add(new Set(this.#table.among(recipients)), told.lines);
    }
  }

  #read(changes: readonly Change[]): readonly Changed[] {
    const before = new Map<string, Set<SpiffeId>>();
    for (const { subject, was } of changes) {
      const parents = before.get(subject) ?? new Set();
      before.set(subject, was === undefined ? parents : parents.add(was));
    }
    const now = this.#issuer.clock.now();
    return [...before].map(([id, parents]) => {
      const entry = this.#issuer.views.entries.get(id);
      const isLive = entry !== undefined && isLiveEntry(entry, now);
      // An expired entry is as good as deleted.
      return {
        id,
        entry: isLive ? entry : undefined,
        before: entry && !isLive ? parents.add(entry.parentId) : parents,
      };
    });
  }

  #routeRemovals(changed: readonly Changed[], outbox: Outbox): void {
    const gone = changed.flatMap(({ id, entry, before }) =>
      [...before].filter((parent) => parent !== entry?.parentId).map((parent) => ({ id, parent })),
    );
    for (const [parent, moved] of Map.groupBy(gone, (each) => each.parent)) {
      outbox.add(this.#table.under(parent), removalLines(moved.map(({ id }) => id)));
    }
  }

  #routePresent(changed: readonly Changed[], outbox: Outbox): void {
    const there = changed.map(({ entry }) => entry).filter((entry) => entry !== undefined);
    for (const [parent, entries] of Map.groupBy(there, (entry) => entry.parentId)) {
      const [first] = this.#table.under(parent);
      if (first !== undefined) outbox.add(this.#table.under(parent), this.#writer.linesAbout(entries));
    }
  }

  /** Works out anew the groups of those agents that one of these entries may have put into a group or taken out of it. */
  async #regroup(changed: readonly Changed[], outbox: Outbox): Promise<void> {
    const wanted = changed.map(({ entry }) => entry?.selectors).filter((selectors) => selectors !== undefined);
    const mayLose = this.#table.hasGroups && changed.some(({ before }) => before.size > 0);
    await inSlices([...this.#table.all()], this.#standAside, (stream) => {
      if ((mayLose && stream.groups.length > 0) || this.#isSelected(stream, wanted)) this.#follow(stream, outbox);
    });
  }

  #isSelected({ row }: AgentStream, wanted: readonly (readonly string[])[]): boolean {
    const proven = row.attestation && this.#issuer.views.attestations.get(row.attestation)?.selectors;
    if (!proven) return false;
    return wanted.some((selectors) => selectors.every((selector) => proven.includes(selector)));
  }

  #follow(stream: AgentStream, outbox: Outbox): void {
    const { groups: before } = stream;
    const groups = this.#writer.groups(stream.row);
    const lost = before.filter((group) => !groups.includes(group));
    const gained = groups.filter((group) => !before.includes(group));
    if (lost.length === 0 && gained.length === 0) return;
    this.#table.regroup(stream, groups);
    const gone = lost.flatMap((group) => [...this.#issuer.views.entries.under(group)].map(({ id }) => id));
    outbox.add([stream], removalLines(gone));
    for (const group of gained) outbox.add([stream], this.#writer.linesUnder(group, stream));
  }
}
