import type { Instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { OwnSvid } from '../ports/agent-state.ts';
import type { EvidenceSource } from '../ports/evidence.ts';
import type { Logger } from '../ports/logger.ts';
import { problemOf } from './agent-identity.ts';
import { ASKING, type Attempts, HURRIED, WAITING } from './attempts.ts';
import type { CutOff } from './cut-off.ts';
import type { HeldIdentity } from './held-identity.ts';
import type { IdentityStanding } from './identity-standing.ts';
import { attestWith, comeBack, EvidenceProblem, isFinal, type OwnSvidParts, renewSvid } from './own-svid.ts';

export interface IdentityRenewalParts extends OwnSvidParts {
  /** Absent: only a state folder that holds an identity, or a node key, brings one. */
  readonly evidence?: EvidenceSource;
  readonly logger: Logger;
}

/** What is known of the agent's identity, which each attempt changes. */
export interface IdentityRecord {
  readonly held: HeldIdentity;
  readonly standing: IdentityStanding;
  readonly attempts: Attempts;
  readonly cutOff: CutOff;
}

/** Which way to the next SVID is due, and what comes of it: renewal, the node key, or evidence (DEC-12, DEC-13). */
export class IdentityRenewal {
  readonly #parts: IdentityRenewalParts;
  readonly #own: IdentityRecord;
  #isStopped = false;

  constructor(parts: IdentityRenewalParts, own: IdentityRecord) {
    this.#parts = parts;
    this.#own = own;
  }

  /** Its answer is dropped, if a request is under way. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Does what is due, if anything is. Never rejects. */
  async step(): Promise<void> {
    const { clock, trust } = this.#parts;
    const { held, standing, attempts } = this.#own;
    if (held.svid && !held.current()) standing.expired();
    const due = this.#due(clock.now());
    if (due === undefined || this.#isStopped || !attempts.isDue) return;
    try {
      await trust.ready();
      await due();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The identity is void: nothing of it is left, and it is asked for anew. */
  forget(problem: string): void {
    if (this.#isStopped) return;
    this.#own.held.forget();
    this.#own.attempts.hurry();
    this.#own.cutOff.attempted();
    this.#own.standing.revoked(problem);
  }

  #due(now: Instant): (() => Promise<void>) | undefined {
    const { svid, doubted, renewAt } = this.#own.held;
    if (svid === undefined) return () => this.#attest();
    if (!this.#own.held.current()) return () => this.#replace(svid);
    if (svid === doubted || svid.locked === true) return () => this.#comeBack(svid);
    return now >= renewAt ? () => this.#renew(svid) : undefined;
  }

  async #renew(svid: OwnSvid): Promise<void> {
    try {
      this.#succeed(svid, await renewSvid(this.#parts, svid));
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (svid !== this.#own.held.svid) return;
      if (error.code !== 'renewal_refused') {
        this.#own.held.doubted = svid;
        await this.#comeBack(svid);
        return;
      }
      // To ask again for the same serial with our key would lock the identity anew after an operator unlocked it.
      this.#own.held.take({ ...svid, locked: true });
      this.#own.cutOff.attempted();
      this.#own.standing.changed(this.#own.held.current());
      this.#own.attempts.failed(WAITING, error);
      this.#own.standing.tell('locked', error.message);
    }
  }

  async #comeBack(svid: OwnSvid): Promise<void> {
    try {
      this.#succeed(svid, await comeBack(this.#parts, svid.spiffeId));
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (svid !== this.#own.held.svid) return;
      if (svid === this.#own.held.doubted) {
        this.forget(error.message);
        await this.#attest();
        return;
      }
      this.#own.attempts.failed(WAITING, error);
      this.#own.standing.tell('locked', error.message);
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
    if (this.#own.held.svid === svid) this.#take(next);
  }

  #take(svid: OwnSvid): void {
    if (this.#isStopped) return;
    this.#own.held.take(svid);
    this.#own.held.doubted = undefined;
    this.#own.attempts.succeeded();
    this.#own.cutOff.attempted();
    this.#own.standing.gained(svid, this.#own.held.current());
  }

  #failed(error: unknown): void {
    this.#own.cutOff.attempted();
    const problem = problemOf(error);
    if (!(error instanceof Refusal || error instanceof EvidenceProblem)) {
      this.#parts.logger.error('the agent could not see to its identity', { problem });
    }
    const isUnproven = error instanceof EvidenceProblem;
    if (!this.#own.held.current() && (isUnproven || isFinal(error))) {
      this.#own.attempts.failed(WAITING, error);
      this.#own.standing.tell(!isUnproven && error.code === 'revoked' ? 'banned' : 'unproven', problem);
      return;
    }
    this.#own.attempts.failed(this.#own.cutOff.is(this.#own.held.svid) ? HURRIED : ASKING, error);
    this.#own.standing.tell(this.#own.standing.status.state, problem);
  }
}
