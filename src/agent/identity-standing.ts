import type { OwnSvid } from '../ports/agent-state.ts';
import type { Logger } from '../ports/logger.ts';
import type { AgentStateName, AgentStatus, IdentityObserver } from './agent-identity.ts';

/** How the agent stands with its server, and all who are told of it: observers, and the operator by the log. */
export class IdentityStanding {
  readonly #logger: Logger;
  readonly #observers = new Set<IdentityObserver>();
  #status: AgentStatus = { state: 'starting' };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get status(): AgentStatus {
    return this.#status;
  }

  /** Returns a function that ends it. */
  watch(observer: IdentityObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Observers hear nothing more. */
  close(): void {
    this.#observers.clear();
  }

  /** Says nothing twice. */
  tell(state: AgentStateName, problem?: string): void {
    const before = this.#status;
    if (before.state === state && before.problem === problem) return;
    this.#status = { state, ...(problem !== undefined && { problem }) };
    if (problem !== undefined)
      this.#logger.warn('the agent does not get what it asks its server for', { state, problem });
    this.#each((observer) => observer.status?.(this.#status));
  }

  /** There is another SVID than before, or none. */
  changed(svid: OwnSvid | undefined): void {
    this.#each((observer) => observer.identity?.(svid));
  }

  /** The server gave this SVID. `current` is what there is to show: undefined when it came too late. */
  gained({ spiffeId, serial, notAfter }: OwnSvid, current: OwnSvid | undefined): void {
    this.changed(current);
    this.#logger.info('the agent has an identity', { spiffeId, serial, notAfter });
    this.tell('identified');
  }

  /** The SVID has ended; what stood in the way of the next still does. */
  expired(): void {
    if (this.#status.state === 'expired') return;
    this.tell('expired', this.#status.problem);
    this.changed(undefined);
  }

  revoked(problem: string): void {
    this.#logger.warn('the identity of the agent was revoked: everything is forgotten', { problem });
    this.#each((observer) => void observer.revoked?.());
    this.changed(undefined);
    this.tell('revoked', problem);
  }

  #each(tell: (observer: IdentityObserver) => void): void {
    for (const observer of this.#observers) tell(observer);
  }
}
