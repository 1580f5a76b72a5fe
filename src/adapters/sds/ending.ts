import { Refusal, type RefusalCode } from '../../domain/refusal.ts';
import type { Logger } from '../../ports/logger.ts';

/** What a call is ended with: a status of gRPC. */
export interface Ending {
  readonly code: number;
  readonly details: string;
}

/** Numbers of gRPC. Its library would bring them along with some MiB that an agent has no other use for. */
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;

/** The refusals that a session and a stream give. Others do not belong here, and are bugs. */
const STATUS: Partial<Record<RefusalCode, number>> = {
  // SDS-28: names that are not the caller's, and what is wrong with a request
  invalid_request: INVALID_ARGUMENT,
  // SDS-30: no identity, or not this one any more
  no_identity: PERMISSION_DENIED,
  // SDS-28: who is calling cannot be told now; and the agent is about to stop
  unavailable: UNAVAILABLE,
  busy: UNAVAILABLE,
};

const withDecision = ({ message, decisionId }: Refusal): string =>
  decisionId === undefined || message.includes(decisionId) ? message : `${message} (decision ${decisionId})`;

/**
 * The status for what was thrown; never OK and never Cancelled. A bug is logged, and its caller is told nothing of it: it may
 * try again.
 */
export const endingFor = (thrown: unknown, logger: Logger): Ending => {
  const code = thrown instanceof Refusal ? STATUS[thrown.code] : undefined;
  if (code !== undefined) return { code, details: withDecision(thrown as Refusal) };
  logger.error('a call for secrets failed', { reason: Error.isError(thrown) ? thrown.message : String(thrown) });
  return { code: UNAVAILABLE, details: 'internal error' };
};
