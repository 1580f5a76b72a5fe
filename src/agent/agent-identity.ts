import { Refusal } from '../domain/refusal.ts';
import type { OwnSvid } from '../ports/agent-state.ts';

/**
 * How an agent stands with its server.
 * - `starting`: it has no identity yet, and is asking for one.
 * - `identified`: it has one, and it is renewed.
 * - `locked`: it has one that the server does not renew, since a clone was seen; an operator unlocks it (DEC-12).
 * - `expired`: what it had has ended, and it is asking for the next.
 * - `revoked`: the server took the identity back. Everything is forgotten; evidence is being shown again.
 * - `banned`: so it is, and the evidence is refused for as long as an operator does not release the ban.
 * - `unproven`: the evidence cannot be read, or the server does not accept it: new evidence is needed.
 */
export type AgentStateName = 'starting' | 'identified' | 'locked' | 'expired' | 'revoked' | 'banned' | 'unproven';

export interface AgentStatus {
  readonly state: AgentStateName;
  /** The newest thing that stood in the way, for the operator; absent when nothing does. */
  readonly problem?: string;
}

/** Who wants to know. No method may throw. */
export interface IdentityObserver {
  /** Another SVID than before, or none: it ended, or was taken back. */
  identity?(svid: OwnSvid | undefined): void;
  status?(status: AgentStatus): void;
  /** The server took the identity back: all that workloads hold through it is void, too. Before `identity`. */
  revoked?(): Promise<void> | void;
}

export interface AgentIdentity {
  /** The SVID to show; undefined when there is none, or it has ended. The same object until there is another. */
  current(): OwnSvid | undefined;
  status(): AgentStatus;
  /** Returns a function that ends it. */
  watch(observer: IdentityObserver): () => void;
}

/** What stood in the way, in a line for the operator: with the decision on record that `mayfly explain` knows more of. */
export const problemOf = (error: unknown): string => {
  const { message } = error as Error;
  const decision = error instanceof Refusal ? error.decisionId : undefined;
  return decision === undefined ? message : `${message} (decision ${decision})`;
};
