import type { Instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { OwnSvid } from '../ports/agent-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { EvidenceSource } from '../ports/evidence.ts';
import type { Logger } from '../ports/logger.ts';
import type { Timers } from '../ports/timers.ts';
import {
  type AgentIdentity,
  type AgentStateName,
  type AgentStatus,
  type IdentityObserver,
  problemOf,
} from './agent-identity.ts';
import { type BackOff, pauseAfter } from './jitter.ts';
import { attestWith, comeBack, EvidenceProblem, isFinal, type OwnSvidParts, renewalOf, renewSvid } from './own-svid.ts';

export interface KeepIdentityParts extends OwnSvidParts {
  /** Absent: only a state folder that holds an identity, or a node key, brings one. */
  readonly evidence?: EvidenceSource;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** The wall clock may be set at any time: it is looked at this often. */
const TICK_MS = 250;

const ASKING: BackOff = { least: 100, first: 500, most: 60_000 };
/** What only an operator can change is asked for slowly, so that the change is found. */
const WAITING: BackOff = { least: 30_000, first: 60_000, most: 60_000 };

/**
 * Gets an agent its identity and keeps it: what the state folder holds, if that is still good; else the node key; else evidence
 * (DEC-13). Renews at 40 to 50 % of life, for as long as the SVID lasts. Nothing here ends for good but by `stop`.
 */
export class IdentityKeeper implements AgentIdentity {
  readonly #parts: KeepIdentityParts;
  readonly #observers = new Set<IdentityObserver>();
  #svid: OwnSvid | undefined;
  #status: AgentStatus = { state: 'starting' };
  /** Unix milliseconds. */
  #renewAt = 0;
  /** Monotonic milliseconds. */
  #waitUntil = 0;
  #failures = 0;
  /** The server refused this SVID, though it has not ended. */
  #doubted: OwnSvid | undefined;
  /** How many were refused since one was accepted. */
  #refusals = 0;
  #work: Promise<void> | undefined;
  #stop: (() => void) | undefined;
  #isStopped = false;

  constructor(parts: KeepIdentityParts) {
    this.#parts = parts;
    const held = parts.state.svid();
    if (held) this.#hold(held);
    if (held?.locked === true) this.#tell('locked');
    else if (held) this.#tell(this.current() ? 'identified' : 'expired');
  }

  current(): OwnSvid | undefined {
    return this.#svid && this.#parts.clock.now() < this.#svid.notAfter * 1000 ? this.#svid : undefined;
  }

  status(): AgentStatus {
    return this.#status;
  }

  watch(observer: IdentityObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  start(): void {
    this.#stop ??= this.#parts.timers.repeat(TICK_MS, () => this.step());
    void this.step();
  }

  /** What is under way ends by itself, and changes nothing any more: a lost reply is all that it leaves (DEC-12). */
  stop(): void {
    this.#isStopped = true;
    this.#stop?.();
    this.#observers.clear();
  }

  /** Does what is due, if anything is. Never rejects, and never runs twice at once. */
  step(): Promise<void> {
    this.#work ??= this.#step().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  /** The server took this SVID: failures from before count no more. */
  accepted(svid: OwnSvid): void {
    if (!this.#isHeld(svid) || this.#doubted !== undefined) return;
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** The server does not take this SVID, and did not say why: it may have been superseded, or taken back. */
  refused(svid: OwnSvid): void {
    if (!this.#isHeld(svid) || this.#doubted === this.#svid) return;
    this.#doubted = this.#svid;
    // A server that gives SVIDs and takes none is not to be asked for more at once.
    if (this.#refusals > 0) this.#pause(ASKING, undefined, this.#refusals);
    this.#refusals += 1;
    void this.step();
  }

  /** The server said that what came with this SVID is void. False: the agent has another one by now, and keeps it. */
  revoked(svid: OwnSvid): boolean {
    if (!this.#isHeld(svid)) return false;
    this.#forget('the server took it back');
    void this.step();
    return true;
  }

  /** The authority behind the SVID is not to be relied on any more (DEC-22): the next one is due now. */
  renewNow(): void {
    this.#renewAt = 0;
    void this.step();
  }

  /** By its serial: one that was locked meanwhile is another object, and still the SVID of connections that are open. */
  #isHeld({ serial }: OwnSvid): boolean {
    return serial === this.#svid?.serial;
  }

  async #step(): Promise<void> {
    const { clock, trust } = this.#parts;
    if (this.#svid && !this.current() && this.#status.state !== 'expired') this.#expire();
    const due = this.#due(clock.now());
    if (due === undefined || this.#isStopped || clock.monotonic() < this.#waitUntil) return;
    try {
      await trust.ready();
      await due();
    } catch (error) {
      this.#failed(error);
    }
  }

  #due(now: Instant): (() => Promise<void>) | undefined {
    const svid = this.#svid;
    if (svid === undefined) return () => this.#attest();
    if (!this.current()) return () => this.#replace(svid);
    if (svid === this.#doubted || svid.locked === true) return () => this.#comeBack(svid);
    return now >= this.#renewAt ? () => this.#renew(svid) : undefined;
  }

  async #renew(svid: OwnSvid): Promise<void> {
    try {
      this.#succeed(svid, await renewSvid(this.#parts, svid));
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (svid !== this.#svid) return;
      if (error.code !== 'renewal_refused') {
        this.#doubted = svid;
        await this.#comeBack(svid);
        return;
      }
      // To ask again for the same serial with our key would lock the identity anew after an operator unlocked it.
      const locked: OwnSvid = { ...svid, locked: true };
      this.#keep(locked);
      this.#hold(locked);
      this.#pause(WAITING, error);
      this.#tell('locked', error.message);
    }
  }

  async #comeBack(svid: OwnSvid): Promise<void> {
    try {
      this.#succeed(svid, await comeBack(this.#parts, svid.spiffeId));
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (svid !== this.#svid) return;
      if (svid === this.#doubted) {
        this.#forget(error.message);
        await this.#attest();
        return;
      }
      this.#pause(WAITING, error);
      this.#tell('locked', error.message);
    }
  }

  /** The SVID has ended: who comes back with the node key needs no evidence. */
  async #replace(svid: OwnSvid): Promise<void> {
    try {
      this.#succeed(svid, await comeBack(this.#parts, svid.spiffeId));
    } catch (error) {
      if (!isFinal(error)) throw error;
      await this.#attest();
    }
  }

  async #attest(): Promise<void> {
    const { evidence } = this.#parts;
    if (!evidence)
      throw new EvidenceProblem('the agent has no identity, and no evidence to get one with is configured');
    this.#take(await attestWith(this.#parts, evidence));
  }

  /** What was taken back while its successor was on the way has none. */
  #succeed(svid: OwnSvid, next: OwnSvid): void {
    if (this.#svid === svid) this.#take(next);
  }

  #take(svid: OwnSvid): void {
    if (this.#isStopped) return;
    this.#keep(svid);
    this.#doubted = undefined;
    this.#failures = 0;
    this.#waitUntil = 0;
    this.#hold(svid);
    const { spiffeId, serial, notAfter } = svid;
    this.#parts.logger.info('the agent has an identity', { spiffeId, serial, notAfter });
    this.#tell('identified');
  }

  /** A disk that fails must not cost the agent an identity that it has. */
  #keep(svid: OwnSvid): void {
    try {
      this.#parts.state.saveSvid(svid);
    } catch (error) {
      this.#parts.logger.error('the identity of the agent is not kept', { error: (error as Error).message });
    }
  }

  #hold(svid: OwnSvid): void {
    this.#svid = svid;
    this.#renewAt = renewalOf(this.#parts.entropy, svid);
    this.#each((observer) => observer.identity?.(this.current()));
  }

  #expire(): void {
    this.#tell('expired', this.#status.problem);
    this.#each((observer) => observer.identity?.(undefined));
  }

  #forget(problem: string): void {
    if (this.#isStopped) return;
    try {
      this.#parts.state.forgetIdentity();
    } catch (error) {
      this.#parts.logger.error('the revoked identity stays on the disk', { error: (error as Error).message });
    }
    this.#svid = undefined;
    this.#doubted = undefined;
    this.#waitUntil = 0;
    this.#parts.logger.warn('the identity of the agent was revoked: everything is forgotten', { problem });
    this.#each((observer) => observer.revoked?.());
    this.#each((observer) => observer.identity?.(undefined));
    this.#tell('revoked', problem);
  }

  #failed(error: unknown): void {
    const problem = problemOf(error);
    if (!(error instanceof Refusal || error instanceof EvidenceProblem)) {
      this.#parts.logger.error('the agent could not see to its identity', { problem });
    }
    if (this.#svid === undefined || !this.current()) {
      if (error instanceof EvidenceProblem) return this.#wait('unproven', error, problem);
      if (isFinal(error)) return this.#wait(error.code === 'revoked' ? 'banned' : 'unproven', error, problem);
    }
    this.#pause(ASKING, error);
    this.#tell(this.#status.state, problem);
  }

  #wait(state: AgentStateName, error: unknown, problem: string): void {
    this.#pause(WAITING, error);
    this.#tell(state, problem);
  }

  #pause(backOff: BackOff, error: unknown, failures = (this.#failures += 1)): void {
    const { clock, entropy } = this.#parts;
    const retryAfter = error instanceof Refusal ? error.retryAfter : undefined;
    this.#waitUntil = clock.monotonic() + pauseAfter(entropy, backOff, failures, retryAfter);
  }

  #tell(state: AgentStateName, problem?: string): void {
    const before = this.#status;
    if (before.state === state && before.problem === problem) return;
    this.#status = { state, ...(problem !== undefined && { problem }) };
    if (problem !== undefined)
      this.#parts.logger.warn('the agent does not get what it asks its server for', { state, problem });
    this.#each((observer) => observer.status?.(this.#status));
  }

  #each(tell: (observer: IdentityObserver) => void): void {
    for (const observer of this.#observers) tell(observer);
  }
}
