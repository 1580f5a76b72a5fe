import type { Cursor } from '../domain/cursor.ts';
import { type Entry, isLiveEntry } from '../domain/entry.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Revocation } from '../domain/revocation.ts';
import { serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import { syncLine } from '../formats/sync-line.ts';
import type { Change, CredentialRow } from '../ports/views.ts';
import { AgentRevocations } from './agent-revocations.ts';
import { type AgentScope, groupIds, groupsOf, parentIdsOf } from './agent-scope.ts';
import { EntriesUnder, type UnderParent } from './entries-under.ts';
import { ExpiringEntries } from './expiring-entries.ts';
import type { Issuer } from './issuer.ts';
import { readTrusted } from './read-trusted.ts';
import { pagesOf } from './slices.ts';
import { syncBundle } from './sync-bundle.ts';
import { entryLines, releaseLines, removalLines, revocationLines } from './feed-lines.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy' | 'follower'>;

/** Seconds. The server sends something at least every heartbeat; an agent that hears nothing for a lease stops serving (DEC-36). */
export const SYNC_HEARTBEAT = 5;
export const SYNC_LEASE = 15;

/** An agent that missed more changes than this gets a snapshot. */
const MOST_CHANGES = 1000;

/** How many are looked at in a row: for one of an identity, entries are counted. */
const REVOCATIONS_PER_PART = 10;

/** Lines that end with a cursor, and the index of that. In parts, each worked out when it is asked for. */
export interface FeedUpdate {
  readonly index: number;
  readonly parts: Iterable<readonly Buffer[]>;
}

interface Trusted {
  readonly line: Buffer;
  readonly tainted: readonly string[];
}

const RESET = syncLine({ type: 'reset' });

/** The entries that changed, each with all parents that it had before; undefined where those are not on record. */
const entriesIn = (changes: readonly Change[]): ReadonlyMap<string, ReadonlySet<SpiffeId> | undefined> => {
  const found = new Map<string, Set<SpiffeId> | undefined>();
  for (const { kind, subject, was } of changes) {
    if (!kind.startsWith('entry-')) continue;
    const parents = found.has(subject) ? found.get(subject) : new Set<SpiffeId>();
    if (was !== undefined) parents?.add(was);
    found.set(subject, was === undefined && kind !== 'entry-created' ? undefined : parents);
  }
  return found;
};

/**
 * Writes the lines of the sync feed (DEC-35). Lines for many agents are written once, and all get the same octets: they must
 * not be changed.
 */
export class FeedWriter {
  readonly revocations: AgentRevocations;
  /** Those of all entries that were sent. */
  readonly expiring = new ExpiringEntries();
  readonly #issuer: Reader;
  readonly #under: EntriesUnder;
  #reached = -1;
  #epoch: number | undefined;
  #bundle: Trusted | undefined;
  #cursor: { readonly index: number; readonly line: Buffer } | undefined;

  constructor(issuer: Reader) {
    const { follower } = issuer;
    this.#issuer = issuer;
    this.revocations = new AgentRevocations(issuer);
    this.#under = new EntriesUnder(issuer, this.expiring);
    follower.on('authorities', () => {
      this.#bundle = undefined;
    });
  }

  welcome(): Buffer {
    const { x509Ttl, jwtTtl } = this.#issuer.policy;
    const elapsed = this.#elapsed();
    return syncLine({
      type: 'welcome',
      version: 1,
      heartbeat: SYNC_HEARTBEAT,
      lease: SYNC_LEASE,
      x509Ttl,
      jwtTtl,
      elapsed,
    });
  }

  /** A line that gives the time. */
  heartbeat(): Buffer {
    return syncLine({ type: 'heartbeat', time: this.#issuer.clock.now(), elapsed: this.#elapsed() });
  }

  /** The agent groups that an agent is in now. */
  groups(row: CredentialRow): readonly SpiffeId[] {
    const groups = groupsOf(this.#issuer, { row });
    for (const group of groups) this.expiring.watch(group);
    return groupIds(groups);
  }

  /** An epoch lasts as long as the server that serves it: the next one is opened on a store that is not served (DEC-10). */
  get epoch(): number {
    this.#epoch ??= this.#issuer.views.log.head().epoch;
    return this.#epoch;
  }

  /** Catches up with the log. */
  advance(): void {
    // Its end first: all changes before it are known after the refresh.
    const end = this.#issuer.views.log.head().size - 1;
    this.#issuer.follower.refresh();
    this.#reached = Math.max(this.#reached, end);
  }

  /** How far the log is known here: to the newest change, or further where what follows is known to hold no change. */
  place(): Cursor {
    return { epoch: this.epoch, index: Math.max(this.#reached, this.#issuer.follower.cursor) };
  }

  cursor(): { readonly index: number; readonly line: Buffer } {
    const { index } = this.place();
    if (this.#cursor?.index !== index) {
      this.#cursor = { index, line: this.lineOf(index) };
    }
    return this.#cursor;
  }

  /** The line of a cursor at `index`. */
  lineOf(index: number): Buffer {
    return syncLine({ type: 'cursor', cursor: { epoch: this.epoch, index } });
  }

  bundle(): Buffer {
    return this.#trusted().line;
  }

  /** The issuing CAs and keys that the bundle names as tainted. */
  tainted(): readonly string[] {
    return this.#trusted().tainted;
  }

  /** Everything that an agent has to know, as it stands at the call, however late a part is asked for. */
  snapshot(scope: AgentScope): FeedUpdate {
    this.advance();
    const { index, line } = this.cursor();
    const under = parentIdsOf(scope).map((parent) => this.#under.parts(parent, parent !== scope.agent));
    return { index, parts: this.#snapshotParts(scope, under, [this.bundle(), line]) };
  }

  /** What changed since `after`; undefined when that cannot be worked out, and it takes a snapshot. */
  delta(scope: AgentScope, after: Cursor): FeedUpdate | undefined {
    const { views } = this.#issuer;
    this.advance();
    const place = this.place();
    if (after.epoch !== place.epoch || after.index > place.index) return undefined;
    if (this.#mayHaveLeftGroups(scope, after.index)) return undefined;
    const { index, line } = this.cursor();
    const changes = views.changes.after(after.index, MOST_CHANGES + 1);
    if (changes.length > MOST_CHANGES) return undefined;
    const entries = this.#entryLinesSince(scope, changes);
    if (entries === undefined) return undefined;
    const hasAuthorities = changes.some(({ kind }) => kind.startsWith('authority-'));
    const revoked = new Set(changes.filter(({ kind }) => kind.startsWith('revo')).map(({ subject }) => subject));
    const bundle = hasAuthorities ? [this.bundle()] : [];
    return { index, parts: this.#deltaParts(scope, entries, [...revoked], [...bundle, line]) };
  }

  /** For an agent that joined a group: the entries under it, with the revocations that touch them. */
  linesUnder(parent: SpiffeId, scope: AgentScope): readonly Buffer[] {
    const { live, lines } = this.#under.all(parent, parent !== scope.agent);
    return [...lines, ...this.#revocationsOf(live)];
  }

  /** For agents that have gained entries, or whose entries changed: these, with the revocations that touch them. */
  linesAbout(entries: readonly Entry[]): readonly Buffer[] {
    for (const entry of entries) this.expiring.watch(entry);
    return [...entryLines(entries), ...this.#revocationsOf(entries)];
  }

  /** One revocation as it stands now, in force or released; undefined when there is none of this id. */
  revocation(id: RecordId): { readonly revocation: Revocation; readonly lines: readonly Buffer[] } | undefined {
    const revocation = this.#issuer.views.revocations.get(id);
    if (revocation === undefined) return undefined;
    const isInForce = revocation.predicates.length > 0;
    return { revocation, lines: isInForce ? revocationLines([revocation]) : releaseLines([id]) };
  }

  *#snapshotParts(
    { agent }: AgentScope,
    under: readonly Iterable<UnderParent>[],
    end: readonly Buffer[],
  ): Generator<readonly Buffer[]> {
    const known = new Set(this.revocations.of(agent, []));
    // A part is held back until the next is ready, so that a short update has only one.
    let lines: readonly Buffer[] = [RESET];
    let isFirst = true;
    for (const parts of under) {
      for (const part of parts) {
        if (!isFirst) yield lines;
        lines = isFirst ? [RESET, ...part.lines] : part.lines;
        isFirst = false;
        for (const revocation of this.#touching(part.live)) known.add(revocation);
      }
    }
    yield [...lines, ...revocationLines(known), ...end];
  }

  #trusted(): Trusted {
    if (this.#bundle === undefined) {
      const { authorities, sequence } = readTrusted(this.#issuer.views);
      const message = syncBundle(this.#issuer.policy.trustDomain, authorities, sequence);
      this.#bundle = { line: syncLine(message), tainted: message.tainted };
    }
    return this.#bundle;
  }

  #elapsed(): number {
    return Math.floor(this.#issuer.clock.monotonic());
  }

  #revocationsOf(entries: readonly Entry[]): readonly Buffer[] {
    return revocationLines(new Set(this.#touching(entries)));
  }

  #touching(entries: readonly Entry[]): readonly Revocation[] {
    if (this.#issuer.follower.revocations.size === 0) return [];
    return entries.flatMap((entry) => this.revocations.ofEntry(entry));
  }

  /** Undefined when it is not known where an entry was before, or when the agent's groups may have changed. */
  #entryLinesSince(scope: AgentScope, changes: readonly Change[]): readonly Buffer[] | undefined {
    const { views, clock, policy } = this.#issuer;
    const server = serverId(policy.trustDomain);
    const parents = new Set(parentIdsOf(scope));
    const now = clock.now();
    const mine: Entry[] = [];
    const removed = parentIdsOf(scope).flatMap((parent) => this.#under.expired(parent));
    for (const [id, before] of entriesIn(changes)) {
      const entry = views.entries.get(id);
      if (before === undefined || before.has(server)) return undefined;
      if (entry?.parentId === server && scope.groups.includes(entry.spiffeId)) return undefined;
      if (entry && isLiveEntry(entry, now) && parents.has(entry.parentId)) mine.push(entry);
      else if ([...before].some((parent) => parents.has(parent))) removed.push(id);
    }
    return [...removalLines(removed), ...this.linesAbout(mine)];
  }

  /** The change feed tells neither that an agent attested anew, with other selectors perhaps, nor that a group expired. */
  #mayHaveLeftGroups({ row }: AgentScope, since: number): boolean {
    const { views, clock, policy } = this.#issuer;
    const attestation = row.attestation && views.attestations.get(row.attestation);
    if (!attestation || attestation.index > since) return true;
    const now = clock.now();
    const groups = views.entries.matching(serverId(policy.trustDomain), attestation.selectors);
    return groups.some((group) => !isLiveEntry(group, now));
  }

  *#deltaParts(
    scope: AgentScope,
    entries: readonly Buffer[],
    revoked: readonly string[],
    end: readonly Buffer[],
  ): Generator<readonly Buffer[]> {
    // A part is held back until the next is ready, so that a short update has only one.
    let lines = entries;
    let isFirst = true;
    for (const ids of pagesOf(revoked, REVOCATIONS_PER_PART)) {
      if (!isFirst) yield lines;
      const told = ids.flatMap((id) => this.#revocationFor(scope, id as RecordId));
      lines = isFirst ? [...lines, ...told] : told;
      isFirst = false;
    }
    yield [...lines, ...end];
  }

  /** Empty when it does not concern the agent. */
  #revocationFor(scope: AgentScope, id: RecordId): readonly Buffer[] {
    const told = this.revocation(id);
    return told && this.revocations.concerns(told.revocation, scope) ? told.lines : [];
  }
}
