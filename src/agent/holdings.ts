import type { SpiffeId } from '../domain/spiffe-id.ts';
import type {
  AgentMessage,
  SyncBundleMessage,
  SyncEntries,
  SyncPlace,
  SyncRevocations,
} from '../formats/sync-message.ts';
import type { AgentServer } from '../ports/agent-server.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import type { WorkloadProcess } from '../ports/workload-attestor.ts';
import type { AttestWorkload } from './attest-workload.ts';
import { CallerStates } from './caller-states.ts';
import { Denials } from './denials.ts';
import { FreshSvids } from './fresh-svids.ts';
import { FreshTokens } from './fresh-tokens.ts';
import { InForce } from './in-force.ts';
import { LastWord } from './last-word.ts';
import type { SyncSink } from './sync-sink.ts';
import { SyncedView } from './synced-view.ts';
import { TrustBundles } from './trust-bundles.ts';
import type { WorkloadSessions } from './workload-session.ts';
import { workloadSessions } from './workload-sessions.ts';

export interface HoldingsParts {
  readonly server: Pick<AgentServer, 'x509Svids' | 'jwtSvids'>;
  /** Tells the server something; false when it cannot be told now. */
  readonly say: (message: AgentMessage) => boolean;
  readonly hold: (descriptor: number) => WorkloadProcess;
  readonly attest: AttestWorkload;
  readonly clock: Clock;
  readonly delays: Delays;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** How long it serves without a word from the server, in seconds; the server's TTL of X.509-SVIDs unless told (DEC-36). */
  readonly maxOffline?: number;
  /** How many entries get an X.509-SVID before anyone asks for it; 1,000 unless told, some 5 KiB each. */
  readonly maxSvids?: number;
  /** How many JWT-SVIDs are kept; 4,096 unless told, some 2 KiB each. */
  readonly maxTokens?: number;
}

export interface HoldingsStatus {
  /** Where in the log; absent until the first state is whole. */
  readonly cursor?: SyncPlace;
  /** Unix milliseconds at which the server last said that what is held holds. */
  readonly lastWord?: number;
  /** Whether callers are served: it was synchronised, and has not been without word from the server for too long. */
  readonly mayServe: boolean;
  readonly entries: number;
  readonly svids: number;
  /** Unix seconds at which the first of these ends. */
  readonly soonestExpiry?: number;
  readonly tokens: number;
  /** Open streams. */
  readonly streams: number;
  /** Denials that the server does not have on record yet. */
  readonly denials: number;
}

const DEFAULT_X509_TTL = 3600;
const DEFAULT_MAX_SVIDS = 1000;
const DEFAULT_MAX_TOKENS = 4096;

/**
 * All that the agent holds for its workloads: what the server told, SVIDs and tokens made from it, and the callers that are served
 * from them. It keeps itself fresh; it serves nothing before it was synchronised, or when the server has been away for too long.
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
  readonly #streams = new Set<(why: 'away' | 'revoked') => void>();
  #changedSvids = new Set<string>();
  #agent: SpiffeId | undefined;
  #x509Ttl = DEFAULT_X509_TTL;

  constructor(parts: HoldingsParts) {
    const { clock, delays, entropy, logger, server } = parts;
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
      changed: () => undefined,
      maxHeld: parts.maxTokens ?? DEFAULT_MAX_TOKENS,
    });
    this.#states = new CallerStates({ ...common, svids: this.#svids });
    this.#lastWord = new LastWord({
      ...common,
      maxOffline: () => (parts.maxOffline ?? this.#x509Ttl) * 1000,
      changed: (mayServe) => {
        if (!mayServe) this.#silence('away');
      },
    });
    this.#denials = new Denials({ clock, entropy, delays, say: parts.say });
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

  held(): SyncPlace | undefined {
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

  /** Once this returns nothing is served that the parts say is dead. */
  commit(cursor: SyncPlace): void {
    const change = this.#view.commit(cursor);
    this.#svids.update(change);
    this.#tokens.update();
    this.#states.viewChanged();
    this.#lastWord.heard();
    this.#denials.tell();
  }

  recorded(ids: readonly string[]): void {
    this.#denials.recorded(ids);
  }

  lives({ x509Ttl }: { readonly x509Ttl: number; readonly jwtTtl: number }): void {
    this.#x509Ttl = x509Ttl;
    this.#denials.tellAgain();
  }

  /** The server said that what is held is all there is. */
  heard(): void {
    if (this.#view.cursor !== undefined) this.#lastWord.heard();
  }

  /** Who this agent is. What was issued through another one is replaced. */
  agentIs(agent: SpiffeId): void {
    if (agent === this.#agent) return;
    this.#agent = agent;
    this.#svids.update();
    this.#tokens.update();
    this.#states.viewChanged();
  }

  /** The agent's own identity was taken back: everything is void, and streams end. */
  forgetAll(): void {
    this.#view.forget();
    this.#svids.clear();
    this.#tokens.clear();
    this.#agent = undefined;
    this.#states.viewChanged();
    this.#silence('revoked');
    this.#lastWord.forget();
  }

  /** Whether any entry has a selector of this kind, such as `unix:path:`: what nobody asks for need not be found out. */
  wants(kind: string): boolean {
    return this.#view.entries.hasKind(kind);
  }

  status(): HoldingsStatus {
    const { cursor } = this.#view;
    const lastWord = this.#lastWord.at;
    const svids = this.#svids.all();
    return {
      ...(cursor !== undefined && { cursor }),
      ...(lastWord !== undefined && { lastWord }),
      mayServe: this.#lastWord.mayServe,
      entries: this.#view.entries.size,
      svids: svids.length,
      ...(svids.length > 0 && { soonestExpiry: Math.min(...svids.map(({ notAfter }) => notAfter)) }),
      tokens: this.#tokens.all().length,
      streams: this.#streams.size,
      denials: this.#denials.size,
    };
  }

  /** No timer is left, and no stream. */
  stop(): void {
    this.#silence('away');
    this.#svids.stop();
    this.#lastWord.stop();
  }

  #silence(why: 'away' | 'revoked'): void {
    for (const end of this.#streams) end(why);
  }

  /** All that comes in one go reaches streams as one change. */
  #svidsChanged(ids: ReadonlySet<string>): void {
    if (this.#changedSvids.size === 0) queueMicrotask(() => this.#tellOfSvids());
    for (const id of ids) this.#changedSvids.add(id);
  }

  #tellOfSvids(): void {
    const ids = this.#changedSvids;
    this.#changedSvids = new Set();
    this.#states.svidsChanged(ids);
  }
}
