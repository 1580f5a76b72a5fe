import type { OpenLedger } from '../adapters/sqlite/open-ledger.ts';
import { isUsable } from '../domain/authority-life.ts';
import { authorityWarnings } from '../domain/authority-warnings.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Timers } from '../ports/timers.ts';
import { awaitedRoot } from '../usecases/awaited-root.ts';
import type { AuthorityKeeper } from '../usecases/authority-keeper.ts';
import type { Issuer } from '../usecases/issuer.ts';
import type { ServerSvidKeeper } from '../usecases/keep-server-svid.ts';
import { rotateAuthorities } from '../usecases/rotate-authorities.ts';
import { ClockWatch } from '../usecases/watch-clock.ts';
import type { BundleFile } from './bundle-file.ts';
import type { HealthReport } from './readiness.ts';
import { unlessReadOnly } from './unless-read-only.ts';

export interface BackgroundParts {
  readonly timers: Timers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: OpenLedger;
  readonly issuer: Pick<Issuer, 'clock' | 'follower' | 'keys' | 'policy' | 'views'>;
  readonly keeper: AuthorityKeeper;
  readonly svid: Pick<ServerSvidKeeper, 'renew'>;
  readonly bundleFile: Pick<BundleFile, 'catchUp'>;
  readonly tell: (report: HealthReport) => void;
  readonly flushDenials: () => Promise<void>;
  /** Retention ran. */
  readonly purged: () => Promise<void>;
  /** Counts agents that stopped renewing. */
  readonly countAgents: () => Promise<void>;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const PROBE_BYTES = Buffer.from('mayfly probe');

/** DEC-9. */
const CLOCK_REMEDY = 'set it right, or restart the server to accept it';

const messageOf = (error: unknown): string => (Error.isError(error) ? error.message : 'unknown');

/** The work that nobody asks for: probe, rotation, renewal of the own SVID, retention, the head file, the bundle file. */
export class Background {
  readonly #parts: BackgroundParts;
  readonly #watch: ClockWatch;
  readonly #stops: (() => void)[] = [];
  readonly #failures = new Map<string, string>();
  #probedAt: number | undefined;
  #jump = 0;
  #warnings: readonly string[] = [];

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
    this.#watch = new ClockWatch(parts.clock);
  }

  /** Probes once, so that readiness is known, then goes on by itself. */
  async start(): Promise<void> {
    this.#compareWithLog();
    await this.probe();
    const { store, flushDenials, countAgents, issuer, bundleFile, logger } = this.#parts;
    store.onReadOnly((reason) => {
      logger.error('the store takes no writes from now on', { reason });
      this.#report();
    });
    this.#stops.push(issuer.follower.on('authorities', () => void this.#attempt('own SVID', () => this.#follow())));
    this.#repeat('head file', SECOND, () => store.writeHead());
    this.#repeat('change feed', SECOND, () => issuer.follower.refresh());
    this.#repeat('denials', 10 * SECOND, () => unlessReadOnly(flushDenials()));
    this.#repeat('bundle file', 10 * SECOND, () => bundleFile.catchUp());
    this.#repeat('readiness', 10 * SECOND, () => this.probe());
    this.#repeat('count of agents', MINUTE, countAgents);
    this.#repeat('rotation', MINUTE, () => this.rotate());
    this.#repeat('retention', 10 * MINUTE, () => this.#purge());
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /** Signs with every active key and commits a row that is no fact: what a request would need is tried (DEC-34). */
  async probe(): Promise<void> {
    this.#hasJumped();
    if (this.#isReadOnly()) {
      // Nothing is tried any more.
      this.#failures.delete('probe');
      this.#report();
      return;
    }
    try {
      const awaited = awaitedRoot(this.#parts.keeper);
      if (awaited !== undefined) throw new Error(awaited);
      const { keys, policy } = this.#parts.issuer;
      const algorithms = policy.rs256 === true ? (['ES256', 'RS256'] as const) : (['ES256'] as const);
      await (await keys.issuing()).signer.sign(PROBE_BYTES);
      for (const algorithm of algorithms) {
        await (await keys.jwt('jwt-svid', algorithm)).signer.sign(PROBE_BYTES);
        await (await keys.jwt('access-token', algorithm)).signer.sign(PROBE_BYTES);
      }
      await this.#parts.store.probe();
      this.#probedAt = this.#parts.clock.monotonic();
      this.#failures.delete('probe');
    } catch (error) {
      this.#failures.set('probe', messageOf(error));
    }
    this.#report();
  }

  /**
   * Moves authorities on, but not on a clock that jumped (DEC-9), and renews the server's own SVID, which follows the wall
   * clock like all others. Neither where nothing is recorded.
   */
  async rotate(): Promise<void> {
    if (this.#isReadOnly()) return;
    const { keeper, svid, logger } = this.#parts;
    try {
      const steps = this.#hasJumped() ? [] : await rotateAuthorities(keeper);
      for (const step of steps) logger.info('an authority moved on', { ...step });
    } finally {
      // What keeps one authority from moving on (a root's key that is away) leaves the present ones good.
      if (awaitedRoot(keeper) === undefined) await svid.renew();
    }
  }

  /**
   * Authorities changed: the own SVID follows at once, and readiness tells what is now. In the middle of an operation nobody
   * signs; what ends it is a change, too.
   */
  async #follow(): Promise<void> {
    if (!this.#isSigning()) return;
    if (!this.#isReadOnly() && awaitedRoot(this.#parts.keeper) === undefined) {
      await this.#parts.svid.renew().catch(() => this.#renewOnceMore());
    }
    if (this.#isSigning()) await this.probe();
  }

  /** The CA may be lost while it is asked, and its successor come meanwhile. What else failed fails again, and is told then. */
  async #renewOnceMore(): Promise<void> {
    if (this.#isSigning()) await this.#parts.svid.renew();
  }

  /** A lost CA is tainted while it is active still. */
  #isSigning(): boolean {
    const { follower, clock } = this.#parts.issuer;
    const cas = follower.authorities('x509-issuing');
    const all = [...cas, ...follower.authorities('x509-root')];
    return cas.some((ca) => ca.state === 'active' && isUsable(ca, all, clock.now()));
  }

  async #purge(): Promise<void> {
    if (this.#hasJumped() || this.#isReadOnly()) return;
    const counts = await this.#parts.store.purge();
    await this.#parts.purged();
    if (Object.values(counts).some((count) => count > 0)) this.#parts.logger.info('retention ran', { ...counts });
  }

  /** Looks at the clock each time: a jump since the last probe counts too. */
  #hasJumped(): boolean {
    const jump = this.#watch.check();
    if (jump !== 0 && this.#jump === 0) {
      this.#parts.logger.error(`the wall clock was set: rotation and retention stop; ${CLOCK_REMEDY}`, {
        seconds: jump,
      });
    }
    if (jump === 0 && this.#jump !== 0) this.#parts.logger.info('the wall clock is back');
    this.#jump = jump;
    return jump !== 0;
  }

  /** Ledger time never goes back: when it is ahead, either the clock is behind now, or it was ahead once. */
  #compareWithLog(): void {
    const { issuer, clock, logger } = this.#parts;
    const { log } = issuer.views;
    const newest = log.at(log.head().size - 1)?.time ?? 0;
    const behind = Math.round((newest - clock.now()) / 1000);
    if (behind > MINUTE / SECOND) logger.warn('the wall clock is behind what is on record', { seconds: behind });
  }

  /** Tells each thing once in the log, and at every probe of readiness. */
  #warn(): readonly string[] {
    const { views, clock, authorityPolicy } = this.#parts.keeper;
    const warnings = authorityWarnings(views.authorities.list(), clock.now(), authorityPolicy);
    for (const each of warnings) if (!this.#warnings.includes(each)) this.#parts.logger.warn(each);
    this.#warnings = warnings;
    return warnings;
  }

  #isReadOnly(): boolean {
    return this.#parts.store.readOnly() !== undefined;
  }

  #report(): void {
    const reason = this.#parts.store.readOnly();
    const readOnly = reason === undefined ? [] : [`the store takes no writes: ${reason}`];
    const jumped = this.#jump === 0 ? [] : [`the wall clock jumped by ${this.#jump} s: ${CLOCK_REMEDY}`];
    const failed = [...this.#failures].map(([what, why]) => `${what}: ${why}`);
    this.#parts.tell({
      reasons: [...readOnly, ...jumped, ...failed],
      warnings: this.#warn(),
      ...(this.#probedAt !== undefined && { probedAt: this.#probedAt }),
    });
  }

  #repeat(what: string, everyMs: number, work: () => Promise<void> | void): void {
    this.#stops.push(this.#parts.timers.repeat(everyMs, () => this.#attempt(what, work)));
  }

  /** What goes on failing is told once in the log, and so is that it goes well again. */
  async #attempt(what: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
      if (this.#failures.delete(what)) this.#parts.logger.info('background work goes well again', { what });
    } catch (error) {
      const problem = messageOf(error);
      if (this.#failures.get(what) !== problem) {
        this.#parts.logger.error('background work failed', { what, error: problem });
      }
      this.#failures.set(what, problem);
    }
  }
}
