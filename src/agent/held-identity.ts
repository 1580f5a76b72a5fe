import type { AgentState, OwnSvid } from '../ports/agent-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Logger } from '../ports/logger.ts';
import { renewalOf } from './own-svid.ts';

export interface HeldIdentityParts {
  readonly state: AgentState;
  readonly clock: Pick<Clock, 'now'>;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** The agent's own SVID in memory and in the state folder, and how far it can be counted on. */
export class HeldIdentity {
  readonly #parts: HeldIdentityParts;
  #svid: OwnSvid | undefined;
  /** Unix milliseconds from which the next one is asked for; 0 for now. */
  renewAt = 0;
  /** The SVID that the server refused although it has not expired. */
  doubted: OwnSvid | undefined;

  /** Begins with what is in the state folder. */
  constructor(parts: HeldIdentityParts) {
    this.#parts = parts;
    const kept = parts.state.svid();
    if (kept) this.#hold(kept);
  }

  /** It may have expired. */
  get svid(): OwnSvid | undefined {
    return this.#svid;
  }

  /** The SVID, unless it has expired. */
  current(): OwnSvid | undefined {
    return this.#svid && this.#parts.clock.now() < this.#svid.notAfter * 1000 ? this.#svid : undefined;
  }

  /** By its serial, since locking makes another object of the same SVID, which open connections still use. */
  is({ serial }: OwnSvid): boolean {
    return serial === this.#svid?.serial;
  }

  /** A failing disk must not cost the agent an identity that it has. */
  take(svid: OwnSvid): void {
    try {
      this.#parts.state.saveSvid(svid);
    } catch (error) {
      this.#parts.logger.error('the identity of the agent is not kept', { error: (error as Error).message });
    }
    this.#hold(svid);
  }

  /** The identity is void: nothing of it is left, unless the disk fails. */
  forget(): void {
    try {
      this.#parts.state.forgetIdentity();
    } catch (error) {
      this.#parts.logger.error('the revoked identity stays on the disk', { error: (error as Error).message });
    }
    this.#svid = undefined;
    this.doubted = undefined;
  }

  #hold(svid: OwnSvid): void {
    this.#svid = svid;
    this.renewAt = renewalOf(this.#parts.entropy, svid);
  }
}
