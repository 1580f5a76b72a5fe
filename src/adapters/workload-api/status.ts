import { Metadata, status } from '@grpc/grpc-js';
import { Refusal, type RefusalCode } from '../../domain/refusal.ts';
import type { Logger } from '../../ports/logger.ts';

/** How a call ends. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
}

/** What each refusal is in gRPC (WLE-12, WLE-13, WLAPI-47); a new code has to be decided here. */
export const REFUSAL_STATUS = {
  invalid_request: status.INVALID_ARGUMENT,
  payload_too_large: status.INVALID_ARGUMENT,
  unsupported_media_type: status.INVALID_ARGUMENT,
  not_found: status.INVALID_ARGUMENT,
  method_not_allowed: status.UNIMPLEMENTED,
  upgrade_required: status.UNIMPLEMENTED,
  unauthenticated: status.PERMISSION_DENIED,
  forbidden: status.PERMISSION_DENIED,
  rate_limited: status.UNAVAILABLE,
  attestation_refused: status.PERMISSION_DENIED,
  invalid_csr: status.UNAVAILABLE,
  unsupported_key: status.UNAVAILABLE,
  no_identity: status.PERMISSION_DENIED,
  ambiguous_identity: status.PERMISSION_DENIED,
  revoked: status.PERMISSION_DENIED,
  renewal_refused: status.UNAVAILABLE,
  invalid_svid: status.INVALID_ARGUMENT,
  invalid_token: status.INVALID_ARGUMENT,
  invalid_entry: status.INVALID_ARGUMENT,
  invalid_resource: status.INVALID_ARGUMENT,
  conflict: status.UNAVAILABLE,
  precondition_failed: status.UNAVAILABLE,
  confirmation_required: status.UNAVAILABLE,
  authority_state: status.UNAVAILABLE,
  busy: status.UNAVAILABLE,
  read_only: status.UNAVAILABLE,
  unavailable: status.UNAVAILABLE,
  invalid_client: status.INVALID_ARGUMENT,
  invalid_grant: status.INVALID_ARGUMENT,
  invalid_scope: status.INVALID_ARGUMENT,
  invalid_target: status.INVALID_ARGUMENT,
  unauthorized_client: status.PERMISSION_DENIED,
  unsupported_grant_type: status.INVALID_ARGUMENT,
  unsupported_response_type: status.INVALID_ARGUMENT,
} as const satisfies Record<RefusalCode, number>;

/** WLE-4. The text is the one that SPIRE sends. */
export const HEADER_MISSING: CallStatus = {
  code: status.INVALID_ARGUMENT,
  details: 'security header missing from request',
};

/** Never OK or Cancelled: clients would not come back (WLE-18). */
export const CLOSING: CallStatus = { code: status.UNAVAILABLE, details: 'the agent is shutting down' };

/**
 * How a call ends that failed with `error`. A refusal is told with the id of its decision, so that `mayfly explain` can
 * be asked; anything else is a bug, which the log hears of and the caller does not: it may try again.
 */
export const statusOf = (error: unknown, logger: Logger): CallStatus => {
  if (!(error instanceof Refusal)) {
    logger.error('a call of the workload API failed', { error: Error.isError(error) ? error.message : 'unknown' });
    return { code: status.UNAVAILABLE, details: 'internal error' };
  }
  const { code, message, decisionId } = error;
  const isNamed = decisionId === undefined || message.includes(decisionId);
  const details = isNamed ? message : `${message} (decision ${decisionId})`;
  // A lone surrogate has no UTF-8, and would fail to be sent.
  return { code: REFUSAL_STATUS[code], details: details.toWellFormed() };
};

/** The shape in which handlers of unary calls take it. */
export const unaryError = ({ code, details }: CallStatus) => ({ code, details, metadata: new Metadata() });
