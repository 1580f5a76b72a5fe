import { Refusal, type RefusalCode } from '../../domain/refusal.ts';
import type { Logger } from '../../ports/logger.ts';
import { type CallStatus, STATUS } from './grpc/status.ts';

/** What each refusal is in gRPC (WLE-12, WLE-13, WLAPI-47); a new code has to be decided here. */
export const REFUSAL_STATUS = {
  invalid_request: STATUS.INVALID_ARGUMENT,
  payload_too_large: STATUS.INVALID_ARGUMENT,
  unsupported_media_type: STATUS.INVALID_ARGUMENT,
  not_found: STATUS.INVALID_ARGUMENT,
  method_not_allowed: STATUS.UNIMPLEMENTED,
  upgrade_required: STATUS.UNIMPLEMENTED,
  unauthenticated: STATUS.PERMISSION_DENIED,
  forbidden: STATUS.PERMISSION_DENIED,
  rate_limited: STATUS.UNAVAILABLE,
  attestation_refused: STATUS.PERMISSION_DENIED,
  invalid_csr: STATUS.UNAVAILABLE,
  unsupported_key: STATUS.UNAVAILABLE,
  no_identity: STATUS.PERMISSION_DENIED,
  ambiguous_identity: STATUS.PERMISSION_DENIED,
  revoked: STATUS.PERMISSION_DENIED,
  renewal_refused: STATUS.UNAVAILABLE,
  invalid_svid: STATUS.INVALID_ARGUMENT,
  invalid_token: STATUS.INVALID_ARGUMENT,
  invalid_entry: STATUS.INVALID_ARGUMENT,
  invalid_resource: STATUS.INVALID_ARGUMENT,
  conflict: STATUS.UNAVAILABLE,
  precondition_failed: STATUS.UNAVAILABLE,
  confirmation_required: STATUS.UNAVAILABLE,
  authority_state: STATUS.UNAVAILABLE,
  busy: STATUS.UNAVAILABLE,
  read_only: STATUS.UNAVAILABLE,
  unavailable: STATUS.UNAVAILABLE,
  invalid_client: STATUS.INVALID_ARGUMENT,
  invalid_grant: STATUS.INVALID_ARGUMENT,
  invalid_scope: STATUS.INVALID_ARGUMENT,
  invalid_target: STATUS.INVALID_ARGUMENT,
  unauthorized_client: STATUS.PERMISSION_DENIED,
  unsupported_grant_type: STATUS.INVALID_ARGUMENT,
  unsupported_response_type: STATUS.INVALID_ARGUMENT,
} as const satisfies Record<RefusalCode, number>;

/** WLE-4. The text is the one that SPIRE sends. */
export const HEADER_MISSING: CallStatus = {
  code: STATUS.INVALID_ARGUMENT,
  details: 'security header missing from request',
};

/** Never OK or Cancelled: clients would not come back (WLE-18). */
export const CLOSING: CallStatus = { code: STATUS.UNAVAILABLE, details: 'the agent is shutting down' };

/**
 * How a call ends that failed with `error`. A refusal is told with the id of its decision, so that `mayfly explain` can
 * be asked; anything else is a bug, which the log hears of and the caller does not: it may try again.
 */
export const statusOf = (error: unknown, logger: Logger): CallStatus => {
  if (!(error instanceof Refusal)) {
    logger.error('a call of the workload API failed', { error: Error.isError(error) ? error.message : 'unknown' });
    return { code: STATUS.UNAVAILABLE, details: 'internal error' };
  }
  const { code, message, decisionId } = error;
  const isNamed = decisionId === undefined || message.includes(decisionId);
  const details = isNamed ? message : `${message} (decision ${decisionId})`;
  return { code: REFUSAL_STATUS[code], details };
};
