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
import { ASKING, Attempts, HURRIED, WAITING } from './attempts.ts';
import { CutOff } from './cut-off.ts';
import { attestWith, comeBack, EvidenceProblem, isFinal, type OwnSvidParts, renewalOf, renewSvid } from './own-svid.ts';

export interface KeepIdentityParts extends OwnSvidParts {
  /** Absent: only a state folder that holds an identity, or a node key, brings one. */
  readonly evidence?: EvidenceSource;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** The wall clock may be set at any time, so it is looked at this often. */
const TICK_MS = 250;

/**
 * Gets an agent its identity and keeps it. Takes the SVID in the state folder, if that is still valid; else comes back with the
 * node key; else attests with evidence (DEC-13). Renews at 40 to 50 % of life. It goes on trying until `stop`.
 */
export class IdentityKeeper implements AgentIdentity {
  readonly #parts: KeepIdentityParts;
  readonly #observers = new Set<IdentityObserver>();
  readonly #attempts: Attempts;
  readonly #cutOff = new CutOff();
  #svid: OwnSvid | undefined;
  #status: AgentStatus = { state: 'starting' };
  /** Unix milliseconds. */
  #renewAt = 0;
  /** The SVID that the server refused although it has not expired. */
  #doubted: OwnSvid | undefined;
  #work: Promise<void> | undefined;
  #stop: (() => void) | undefined;
  #isStopped = false;

  constructor(parts: KeepIdentityParts) {
    this.#parts = parts;
    this.#attempts = new Attempts(parts);
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

  /** A request under way is not cancelled, but its answer is dropped, as if the reply had been lost (DEC-12). */
  stop(): void {
    this.#isStopped = true;
    this.#cutOff.attempted();
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

  /** The server accepted this SVID: earlier failures do not count any more. */
  accepted(svid: OwnSvid): void {
    if (!this.#isHeld(svid) || this.#doubted !== undefined) return;
    this.#attempts.accepted();
  }

  /** The server did not accept this SVID, and did not say why: it may be superseded or revoked. */
  refused(svid: OwnSvid): void {
    if (!this.#isHeld(svid) || this.#doubted === this.#svid) return;
    this.#doubted = this.#svid;
    this.#attempts.refused();
    void this.step();
  }

  /** The server said that the identity of this SVID is revoked. False when the agent has another SVID by now, which it keeps. */
  revoked(svid: OwnSvid): boolean {
    if (!this.#isHeld(svid)) return false;
    this.#forget('the server took it back');
    void this.step();
    return true;
  }

  /** The SVID's authority is gone, so that nobody accepts it, not even the server: gets the next at once, by the node key (DEC-13). */
  cutOff(svid: OwnSvid): void {
    if (!this.#isHeld(svid) || this.#cutOff.is(this.#svid)) return;
    this.#cutOff.mark(this.#svid);
    if (this.#parts.state.nodeKey()) this.#doubted = this.#svid;
    this.#renewAt = 0;
    this.#attempts.hurry();
    // Twice: a step that is under way began before this.
    void this.step().then(() => this.step());
  }

  /** Resolves at once, unless the SVID is cut off: then after the next attempt to replace it. */
  settled(): Promise<void> {
    return this.#cutOff.nextAttempt(this.#svid);
  }

  /** The SVID's authority is tainted (DEC-22): renews now. */
  renewNow(): void {
    this.#renewAt = 0;
    void this.step();
  }

  /** By its serial, since locking makes another object of the same SVID, which open connections still use. */
  #isHeld({ serial }: OwnSvid): boolean {
    return serial === this.#svid?.serial;
  }

  async #step(): Promise<void> {
    const { clock, trust } = this.#parts;
    if (this.#svid && !this.current() && this.#status.state !== 'expired') {
      this.#tell('expired', this.#status.problem);
      this.#each((observer) => observer.identity?.(undefined));
    }
    const due = this.#due(clock.now());
    if (due === undefined || this.#isStopped || !this.#attempts.isDue) return;
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
      this.#attempts.failed(WAITING, error);
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
      this.#attempts.failed(WAITING, error);
      this.#tell('locked', error.message);
    }
  }

  /** Gets a successor of an SVID that has expired: by the node key if possible, which takes no evidence. */
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

  /** Ignores a successor whose predecessor was revoked or replaced while it was on its way. */
  #succeed(svid: OwnSvid, next: OwnSvid): void {
    if (this.#svid === svid) this.#take(next);
  }

  #take(svid: OwnSvid): void {
    if (this.#isStopped) return;
    this.#keep(svid);
    this.#doubted = undefined;
    this.#attempts.succeeded();
    this.#hold(svid);
    const { spiffeId, serial, notAfter } = svid;
    this.#parts.logger.info('the agent has an identity', { spiffeId, serial, notAfter });
    this.#tell('identified');
  }

  /** A failing disk must not cost the agent an identity that it has. */
  #keep(svid: OwnSvid): void {
    try {
      this.#parts.state.saveSvid(svid);
    } catch (error) {
      this.#parts.logger.error('the identity of the agent is not kept', { error: (error as Error).message });
    }
  }

  #hold(svid: OwnSvid): void {
    this.#svid = svid;
    this.#cutOff.attempted();
    this.#renewAt = renewalOf(this.#parts.entropy, svid);
    this.#each((observer) => observer.identity?.(this.current()));
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
    this.#attempts.hurry();
    this.#cutOff.attempted();
    this.#parts.logger.warn('the identity of the agent was revoked: everything is forgotten', { problem });
    this.#each((observer) => void observer.revoked?.());
    this.#each((observer) => observer.identity?.(undefined));
    this.#tell('revoked', problem);
  }

  #failed(error: unknown): void {
    this.#cutOff.attempted();
    const problem = problemOf(error);
    if (!(error instanceof Refusal || error instanceof EvidenceProblem)) {
      this.#parts.logger.error('the agent could not see to its identity', { problem });
    }
    if (this.#svid === undefined || !this.current()) {
      if (error instanceof EvidenceProblem) return this.#wait('unproven', error, problem);
      if (isFinal(error)) return this.#wait(error.code === 'revoked' ? 'banned' : 'unproven', error, problem);
    }
    this.#attempts.failed(this.#cutOff.is(this.#svid) ? HURRIED : ASKING, error);
    this.#tell(this.#status.state, problem);
  }

  #wait(state: AgentStateName, error: unknown, problem: string): void {
    this.#attempts.failed(WAITING, error);
    this.#tell(state, problem);
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
