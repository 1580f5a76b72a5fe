import { type Entry, isLiveEntry } from '../domain/entry.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Revocation } from '../domain/revocation.ts';
import { serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import { syncLine } from '../formats/sync-line.ts';
import type { SyncPlace } from '../formats/sync-message.ts';
import type { Change, CredentialRow } from '../ports/views.ts';
import { AgentRevocations } from './agent-revocations.ts';
import { type AgentScope, groupIds, groupsOf, parentIdsOf } from './agent-scope.ts';
import { EntriesUnder, type UnderParent } from './entries-under.ts';
import { ExpiringEntries } from './expiring-entries.ts';
import type { Issuer } from './issuer.ts';
import { readTrusted } from './published-documents.ts';
import { pagesOf } from './slices.ts';
import { syncBundle } from './sync-bundle.ts';
import { entryLines, releaseLines, removalLines, revocationLines } from './told-lines.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy' | 'follower'>;

/** Something is said at least so often, and silence for longer than the lease is the end (DEC-36); in seconds. */
export const SYNC_HEARTBEAT = 5;
export const SYNC_LEASE = 15;

/** Whoever missed more changes than this is told everything. */
const MOST_CHANGES = 1000;

/** Of which it is found out at once whom they concern: for an identity all of its entries are gone through. */
const REVOCATIONS_PER_PART = 10;

/** Lines that end with a cursor, and its index; in parts, each worked out when it is asked for. */
export interface Tale {
  readonly index: number;
  readonly parts: Iterable<readonly Buffer[]>;
}

interface Trusted {
  readonly line: Buffer;
  readonly tainted: readonly string[];
}

const RESET = syncLine({ type: 'reset' });

/** Ids of entries that changed, each with all parents that it had before; undefined for one whose past is not known. */
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
 * Writes what agents are told (DEC-35). What many are told is written once and the same octets are given to all: who hands
 * them on must not change them.
 */
export class AgentTales {
  readonly revocations: AgentRevocations;
  /** Of all entries told. */
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

  /** Says what time it is. */
  heartbeat(): Buffer {
    return syncLine({ type: 'heartbeat', time: this.#issuer.clock.now(), elapsed: this.#elapsed() });
  }

  /** The groups that an agent is in now. */
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

  /** How far the log is known here: to the newest change, and beyond it as far as none is known to have come. */
  place(): SyncPlace {
    return { epoch: this.epoch, index: Math.max(this.#reached, this.#issuer.follower.cursor) };
  }

  cursor(): { readonly index: number; readonly line: Buffer } {
    const { index } = this.place();
    if (this.#cursor?.index !== index) {
      this.#cursor = { index, line: this.lineOf(index) };
    }
    return this.#cursor;
  }

  /** Says that a place was reached. */
  lineOf(index: number): Buffer {
    return syncLine({ type: 'cursor', cursor: { epoch: this.epoch, index } });
  }

  bundle(): Buffer {
    return this.#trusted().line;
  }

  /** Of the bundle as it is told: issuing CAs and keys that are not to be relied on. */
  tainted(): readonly string[] {
    return this.#trusted().tainted;
  }

  /** Everything, up to its cursor. Entries are read now, and told as they were then; what changed since is told afterwards. */
  whole(scope: AgentScope): Tale {
    this.advance();
    const { index, line } = this.cursor();
    const under = parentIdsOf(scope).map((parent) => this.#under.parts(parent, parent !== scope.agent));
    return { index, parts: this.#wholeParts(scope, under, [this.bundle(), line]) };
  }

  /** Only what changed since; undefined when that cannot be told, and everything has to be. */
  since(scope: AgentScope, after: SyncPlace): Tale | undefined {
    const { views } = this.#issuer;
    this.advance();
    const place = this.place();
    if (after.epoch !== place.epoch || after.index > place.index) return undefined;
    if (this.#mayHaveLeftGroups(scope, after.index)) return undefined;
    const { index, line } = this.cursor();
    const changes = views.changes.after(after.index, MOST_CHANGES + 1);
    if (changes.length > MOST_CHANGES) return undefined;
    const entries = this.#entriesSince(scope, changes);
    if (entries === undefined) return undefined;
    const hasAuthorities = changes.some(({ kind }) => kind.startsWith('authority-'));
    const revoked = new Set(changes.filter(({ kind }) => kind.startsWith('revo')).map(({ subject }) => subject));
    const bundle = hasAuthorities ? [this.bundle()] : [];
    return { index, parts: this.#partsSince(scope, entries, [...revoked], [...bundle, line]) };
  }

  /** Lines for those who are told of a parent's entries from now on. */
  linesUnder(parent: SpiffeId, scope: AgentScope): readonly Buffer[] {
    const { live, lines } = this.#under.all(parent, parent !== scope.agent);
    return [...lines, ...this.#revocationsOf(live)];
  }

  /** Lines about entries that are someone's now, with the revocations in force that touch them. */
  linesAbout(entries: readonly Entry[]): readonly Buffer[] {
    for (const entry of entries) this.expiring.watch(entry);
    return [...entryLines(entries), ...this.#revocationsOf(entries)];
  }

  /** One revocation as it stands now: in force, or not any more. Undefined when it was never one. */
  revocation(id: RecordId): { readonly revocation: Revocation; readonly lines: readonly Buffer[] } | undefined {
    const revocation = this.#issuer.views.revocations.get(id);
    if (revocation === undefined) return undefined;
    const isInForce = revocation.predicates.length > 0;
    return { revocation, lines: isInForce ? revocationLines([revocation]) : releaseLines([id]) };
  }

  *#wholeParts(
    { agent }: AgentScope,
    under: readonly Iterable<UnderParent>[],
    end: readonly Buffer[],
  ): Generator<readonly Buffer[]> {
    const known = new Set(this.revocations.of(agent, []));
    // Each part waits for the next one, so that a short tale is a single one.
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

  /** Nothing when the past of one that changed is not known, or when the agent's groups may have changed with it. */
  #entriesSince(scope: AgentScope, changes: readonly Change[]): readonly Buffer[] | undefined {
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

  /** No change says that an agent attested anew, as something else perhaps, or that the entry of a group expired. */
  #mayHaveLeftGroups({ row }: AgentScope, since: number): boolean {
    const { views, clock, policy } = this.#issuer;
    const attestation = row.attestation && views.attestations.get(row.attestation);
    if (!attestation || attestation.index > since) return true;
    const now = clock.now();
    const groups = views.entries.matching(serverId(policy.trustDomain), attestation.selectors);
    return groups.some((group) => !isLiveEntry(group, now));
  }

  *#partsSince(
    scope: AgentScope,
    entries: readonly Buffer[],
    revoked: readonly string[],
    end: readonly Buffer[],
  ): Generator<readonly Buffer[]> {
    // Each part waits for the next one, so that a short tale is a single one.
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

  /** Nothing when it does not concern the agent. */
  #revocationFor(scope: AgentScope, id: RecordId): readonly Buffer[] {
    const told = this.revocation(id);
    return told && this.revocations.concerns(told.revocation, scope) ? told.lines : [];
  }
}
