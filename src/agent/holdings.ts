import type { Cursor } from '../domain/cursor.ts';
import { instant } from '../domain/instant.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncBundleMessage, SyncEntries, SyncRevocations } from '../formats/sync-message.ts';
import { CallerStates } from './caller-states.ts';
import { Denials } from './denials.ts';
import { FreshSvids } from './fresh-svids.ts';
import { FreshTokens } from './fresh-tokens.ts';
import type { HoldingsParts, HoldingsStatus } from './holdings-parts.ts';
import { InForce } from './in-force.ts';
import { KeepHoldings } from './keep-holdings.ts';
import { readKept, writeKept, type KeptHoldings } from './kept-holdings.ts';
import { LastWord } from './last-word.ts';
import type { SyncSink } from './sync-sink.ts';
import { SyncedView } from './synced-view.ts';
import { TrustBundles } from './trust-bundles.ts';
import type { WorkloadSessions } from './workload-session.ts';
import { workloadSessions } from './workload-sessions.ts';

export type { HoldingsParts, HoldingsStatus } from './holdings-parts.ts';

const DEFAULT_X509_TTL = 3600;
const DEFAULT_MAX_SVIDS = 1000;
const DEFAULT_MAX_TOKENS = 4096;
/** By what part of `maxOffline` the stored time of the last word may lie behind: a restart loses so much of it. */
const LATENESS = 0.05;
const LEAST_LATENESS_MS = 15_000;

/**
 * Everything that the agent holds for its workloads: the server's state as last synchronised, the SVIDs and tokens that follow
 * from it, and the callers that get them. It keeps SVIDs fresh, and serves nothing before the first synchronisation or when the
 * server has been away for too long.
 */
export class Holdings implements SyncSink {
  /** For the listeners of the agent's socket. */
  readonly sessions: WorkloadSessions;
  readonly #view = new SyncedView();
  readonly #svids: FreshSvids;
  readonly #tokens: FreshTokens;
  readonly #states: CallerStates;
  readonly #lastWord: LastWord;
  readonly #denials: Denials;
  readonly #parts: HoldingsParts;
  readonly #keep: KeepHoldings | undefined;
  readonly #streams = new Set<(why: 'away' | 'revoked') => void>();
  #changedSvids = new Set<string>();
  #agent: SpiffeId | undefined;
  #x509Ttl = DEFAULT_X509_TTL;

  constructor(parts: HoldingsParts) {
    this.#parts = parts;
    const { clock, delays, entropy, logger, server, cache } = parts;
    const view = this.#view;
    const agent = (): SpiffeId | undefined => this.#agent;
    const inForce = new InForce(view, clock, agent);
    const common = { view, inForce, bundles: new TrustBundles(), server, clock, delays, agent };
    this.#svids = new FreshSvids({
      ...common,
      entropy,
      logger,
      changed: (ids) => this.#svidsChanged(ids),
      maxHeld: parts.maxSvids ?? DEFAULT_MAX_SVIDS,
    });
    this.#tokens = new FreshTokens({
      ...common,
      changed: () => this.#keep?.changed(),
      maxHeld: parts.maxTokens ?? DEFAULT_MAX_TOKENS,
    });
    this.#states = new CallerStates({ ...common, svids: this.#svids });
    this.#lastWord = new LastWord({
      ...common,
      maxOffline: () => this.#maxOfflineMs(),
      changed: (mayServe) => {
        if (!mayServe) this.#silence('away');
      },
    });
    this.#keep =
      cache &&
      new KeepHoldings({
        ...common,
        cache,
        logger,
        write: () => this.#write(),
        lateness: () => Math.max(LEAST_LATENESS_MS, this.#maxOfflineMs() * LATENESS),
      });
    this.#denials = new Denials({ clock, entropy, delays, logger, say: parts.say });
    this.sessions = workloadSessions({
      ...common,
      entropy,
      hold: parts.hold,
      attest: parts.attest,
      states: this.#states,
      tokens: this.#tokens,
      lastWord: this.#lastWord,
      denials: this.#denials,
      whenSilenced: (end) => {
        this.#streams.add(end);
        return () => this.#streams.delete(end);
      },
    });
  }

  held(): Cursor | undefined {
    return this.#view.cursor;
  }

  begin(reset: boolean): void {
    this.#view.begin(reset);
  }

  entries(message: SyncEntries): void {
    this.#view.tell(message);
  }

  revocations(message: SyncRevocations): void {
    this.#view.tell(message);
  }

  bundle(message: SyncBundleMessage): void {
    this.#view.tell(message);
  }

  /**
   * When this returns, nothing is served that the parts have revoked or removed; once it resolves, nothing of that can come back
   * after a restart either, which is what an acknowledgement promises (DEC-35).
   */
  commit(cursor: Cursor, age = 0): Promise<void> | void {
    const change = this.#view.commit(cursor);
    this.#svids.update(change);
    this.#tokens.update();
    this.#states.viewChanged();
    this.#lastWord.heard(age);
    this.#denials.tell();
    const isLess = change.revocations || [...change.entries].some((id) => !this.#view.entries.get(id));
    if (isLess) return this.#keep?.settle();
    if (change.entries.size > 0 || change.bundle || change.epoch) this.#keep?.changed();
    else this.#keep?.heard();
    return undefined;
  }

  recorded(ids: readonly string[]): void {
    this.#denials.recorded(ids);
  }

  lives({ x509Ttl }: { readonly x509Ttl: number; readonly jwtTtl: number }): void {
    this.#x509Ttl = x509Ttl;
    this.#denials.tellAgain();
  }

  /** The server confirmed that what is held is up to date. */
  heard(age = 0): void {
    if (this.#view.cursor === undefined) return;
    this.#lastWord.heard(age);
    this.#keep?.heard();
  }

  /** Sets who this agent is. What was issued through another one is replaced. */
  agentIs(agent: SpiffeId): void {
    if (agent === this.#agent) return;
    this.#agent = agent;
    this.#svids.update();
    this.#tokens.update();
    this.#states.viewChanged();
  }

  /**
   * The agent's own identity was revoked: drops everything, and ends streams. Resolves once nothing of it can come back after a
   * restart.
   */
  forgetAll(): Promise<void> | void {
    this.#view.forget();
    this.#svids.clear();
    this.#tokens.clear();
    this.#agent = undefined;
    this.#states.viewChanged();
    this.#silence('revoked');
    this.#lastWord.forget();
    return this.#keep?.clear();
  }

  /**
   * Restores what was kept over a restart, before the server is followed. Ignores what belongs to another agent, and what is older
   * than the agent may be offline. Never rejects.
   */
  async restore(): Promise<void> {
    const { cache, logger } = this.#parts;
    const written = await cache?.load();
    if (written === undefined) return;
    try {
      const kept = readKept(written);
      if (kept) this.#takeUp(kept);
    } catch (error) {
      logger.warn('what the agent kept over its restart is not used', { problem: (error as Error).message });
    } finally {
      written.fill(0);
    }
  }

  /** Whether any entry has a selector of this kind, such as `unix:path:`; if not, attestors need not find it out. */
  wants(kind: string): boolean {
    return this.#view.entries.hasKind(kind);
  }

  /** Whether callers are served: after a synchronisation, and while the server has been heard recently enough. */
  get mayServe(): boolean {
    return this.#lastWord.mayServe;
  }

  status(): HoldingsStatus {
    const { cursor } = this.#view;
    const lastWord = this.#lastWord.at;
    const svids = this.#svids.all();
    return {
      ...(cursor !== undefined && { cursor }),
      ...(lastWord !== undefined && { lastWord }),
      entries: this.#view.entries.size,
      svids: svids.length,
      ...(svids.length > 0 && { soonestExpiry: Math.min(...svids.map(({ notAfter }) => notAfter)) }),
      tokens: this.#tokens.all().length,
      streams: this.#streams.size,
      denials: this.#denials.size,
      denialsDropped: this.#denials.dropped,
    };
  }

  /** Stops timers and ends streams; what is held is kept for the next start. */
  async stop(): Promise<void> {
    this.#silence('away');
    this.#svids.stop();
    this.#denials.stop();
    this.#lastWord.stop();
    await this.#keep?.stop();
  }

  #maxOfflineMs(): number {
    return (this.#parts.maxOffline ?? this.#x509Ttl) * 1000;
  }

  #takeUp(kept: KeptHoldings): void {
    // A state that the server has sent meanwhile is newer.
    if (this.#view.cursor !== undefined || kept.agent !== (this.#agent ?? kept.agent)) return;
    this.#x509Ttl = kept.x509Ttl;
    this.#lastWord.heardAt(instant(kept.lastWord));
    if (!this.#lastWord.mayServe) return;
    this.#agent = kept.agent;
    this.#view.begin(true);
    for (const part of kept.parts) this.#view.tell(part);
    const change = this.#view.commit(kept.cursor);
    this.#svids.restore(kept.svids);
    this.#tokens.restore(kept.tokens);
    this.#svids.update(change);
    this.#tokens.update();
    this.#states.viewChanged();
  }

  #write(): Uint8Array | undefined {
    const { cursor } = this.#view;
    const lastWord = this.#lastWord.at;
    if (cursor === undefined || lastWord === undefined || this.#agent === undefined) return undefined;
    return writeKept({
      agent: this.#agent,
      lastWord,
      x509Ttl: this.#x509Ttl,
      cursor,
      parts: this.#view.parts(),
      svids: this.#svids.all(),
      tokens: this.#tokens.all(),
    });
  }

  #silence(why: 'away' | 'revoked'): void {
    for (const end of this.#streams) end(why);
  }

  /** Changes within one turn reach streams as one. */
  #svidsChanged(ids: ReadonlySet<string>): void {
    if (this.#changedSvids.size === 0) queueMicrotask(() => this.#tellOfSvids());
    for (const id of ids) this.#changedSvids.add(id);
  }

  #tellOfSvids(): void {
    const ids = this.#changedSvids;
    this.#changedSvids = new Set();
    this.#states.svidsChanged(ids);
    this.#keep?.changed();
  }
}
