import type { OwnSvid } from '../ports/agent-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Timers } from '../ports/timers.ts';
import type { AgentIdentity, AgentStatus, IdentityObserver } from './agent-identity.ts';
import { Attempts } from './attempts.ts';
import { CutOff } from './cut-off.ts';
import { HeldIdentity } from './held-identity.ts';
import { IdentityRenewal, type IdentityRenewalParts } from './identity-renewal.ts';
import { IdentityStanding } from './identity-standing.ts';

export interface KeepIdentityParts extends IdentityRenewalParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
}

/** The wall clock may be set at any time, so it is looked at this often. */
const TICK_MS = 250;

/**
 * Gets an agent its identity and keeps it. Takes the SVID in the state folder, if that is still valid; else comes back with the
 * node key; else attests with evidence (DEC-13). Renews at 40 to 50 % of life. It goes on trying until `stop`.
 */
export class IdentityKeeper implements AgentIdentity {
  readonly #parts: KeepIdentityParts;
  readonly #standing: IdentityStanding;
  readonly #held: HeldIdentity;
  readonly #attempts: Attempts;
  readonly #cutOff = new CutOff();
  readonly #renewal: IdentityRenewal;
  #work: Promise<void> | undefined;
  #stop: (() => void) | undefined;

  constructor(parts: KeepIdentityParts) {
    this.#parts = parts;
    this.#standing = new IdentityStanding(parts.logger);
    this.#attempts = new Attempts(parts);
    this.#held = new HeldIdentity(parts);
    this.#renewal = new IdentityRenewal(parts, {
      held: this.#held,
      standing: this.#standing,
      attempts: this.#attempts,
      cutOff: this.#cutOff,
    });
    const { svid } = this.#held;
    if (svid?.locked === true) this.#standing.tell('locked');
    else if (svid) this.#standing.tell(this.current() ? 'identified' : 'expired');
  }

  current(): OwnSvid | undefined {
    return this.#held.current();
  }

  status(): AgentStatus {
    return this.#standing.status;
  }

  watch(observer: IdentityObserver): () => void {
    return this.#standing.watch(observer);
  }

  start(): void {
    this.#stop ??= this.#parts.timers.repeat(TICK_MS, () => this.step());
    void this.step();
  }

  /** A request under way is not cancelled, but its answer is dropped, as if the reply had been lost (DEC-12). */
  stop(): void {
    this.#renewal.stop();
    this.#cutOff.attempted();
    this.#stop?.();
    this.#standing.close();
  }

  /** Does what is due, if anything is. Never rejects, and never runs twice at once. */
  step(): Promise<void> {
    this.#work ??= this.#renewal.step().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  /** The server accepted this SVID: earlier failures do not count any more. */
  accepted(svid: OwnSvid): void {
    if (!this.#held.is(svid) || this.#held.doubted !== undefined) return;
    this.#attempts.accepted();
  }

  /** The server did not accept this SVID, and did not say why: it may be superseded or revoked. */
  refused(svid: OwnSvid): void {
    if (!this.#held.is(svid) || this.#held.doubted === this.#held.svid) return;
    this.#held.doubted = this.#held.svid;
    this.#attempts.refused();
    void this.step();
  }

  /** The server said that the identity of this SVID is revoked. False when the agent has another SVID by now, which it keeps. */
  revoked(svid: OwnSvid): boolean {
    if (!this.#held.is(svid)) return false;
    this.#renewal.forget('the server took it back');
    void this.step();
    return true;
  }

  /** The SVID's authority is gone, so that nobody accepts it, not even the server: gets the next at once, by the node key (DEC-13). */
  cutOff(svid: OwnSvid): void {
    const held = this.#held;
    if (!held.is(svid) || this.#cutOff.is(held.svid)) return;
    this.#cutOff.mark(held.svid);
    if (this.#parts.state.nodeKey()) held.doubted = held.svid;
    held.renewAt = 0;
    this.#attempts.hurry();
    // Twice: a step that is under way began before this.
    void this.step().then(() => this.step());
  }

  /** Resolves at once, unless the SVID is cut off: then after the next attempt to replace it. */
  settled(): Promise<void> {
    return this.#cutOff.nextAttempt(this.#held.svid);
  }

  /** The SVID's authority is tainted (DEC-22): renews now. */
  renewNow(): void {
    this.#held.renewAt = 0;
    void this.step();
  }
}
