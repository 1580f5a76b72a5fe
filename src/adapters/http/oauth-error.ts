import type { Refusal } from '../../domain/refusal.ts';
import type { ProblemCode } from './problem.ts';

interface OauthKind {
  readonly status: number;
  readonly error: string;
}

const INVALID_REQUEST: OauthKind = { status: 400, error: 'invalid_request' };
const INVALID_CLIENT: OauthKind = { status: 401, error: 'invalid_client' };
const UNAUTHORIZED_CLIENT: OauthKind = { status: 400, error: 'unauthorized_client' };
const TEMPORARILY_UNAVAILABLE: OauthKind = { status: 503, error: 'temporarily_unavailable' };

/** How each code is told on OAuth's endpoints: their words only (RFC 6749 §5.2, RFC 8707 §2; CC-18, CC-19, AS-08). */
export const OAUTH_ERRORS = {
  invalid_request: INVALID_REQUEST,
  payload_too_large: { status: 413, error: 'invalid_request' },
  unsupported_media_type: INVALID_REQUEST,
  not_found: { status: 404, error: 'invalid_request' },
  method_not_allowed: { status: 405, error: 'invalid_request' },
  upgrade_required: { status: 426, error: 'invalid_request' },
  unauthenticated: INVALID_CLIENT,
  forbidden: UNAUTHORIZED_CLIENT,
  rate_limited: { status: 429, error: 'temporarily_unavailable' },
  attestation_refused: INVALID_CLIENT,
  invalid_csr: INVALID_REQUEST,
  unsupported_key: INVALID_REQUEST,
  no_identity: INVALID_CLIENT,
  ambiguous_identity: INVALID_REQUEST,
  revoked: INVALID_CLIENT,
  renewal_refused: UNAUTHORIZED_CLIENT,
  invalid_svid: INVALID_CLIENT,
  invalid_token: INVALID_REQUEST,
  invalid_entry: INVALID_REQUEST,
  invalid_resource: INVALID_REQUEST,
  conflict: INVALID_REQUEST,
  precondition_failed: INVALID_REQUEST,
  confirmation_required: INVALID_REQUEST,
  authority_state: TEMPORARILY_UNAVAILABLE,
  busy: TEMPORARILY_UNAVAILABLE,
  read_only: TEMPORARILY_UNAVAILABLE,
  unavailable: TEMPORARILY_UNAVAILABLE,
  invalid_client: INVALID_CLIENT,
  invalid_grant: { status: 400, error: 'invalid_grant' },
  invalid_scope: { status: 400, error: 'invalid_scope' },
  invalid_target: { status: 400, error: 'invalid_target' },
  unauthorized_client: UNAUTHORIZED_CLIENT,
  unsupported_grant_type: { status: 400, error: 'unsupported_grant_type' },
  unsupported_response_type: { status: 400, error: 'unsupported_response_type' },
  internal: { status: 500, error: 'server_error' },
} satisfies Record<ProblemCode, OauthKind>;

/** The body of RFC 6749 §5.2. */
export interface OauthErrorDocument {
  readonly error: string;
  readonly error_description?: string;
}

/** One text for every way in which client authentication fails, so that a prober learns nothing (CC-21). */
const CLIENT_NOT_KNOWN = 'the client could not be authenticated';

const OUTSIDE = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/g;
const MAX_DESCRIPTION = 300;

/** Keeps to the characters of RFC 6749 §5.2 (CC-20): double quotes become single ones, others a question mark. */
export const errorDescription = (text: string): string =>
  text.replaceAll('"', "'").replace(OUTSIDE, '?').slice(0, MAX_DESCRIPTION);

export const oauthErrorOf = (refusal: Refusal): OauthErrorDocument => {
  const { error } = OAUTH_ERRORS[refusal.code];
  return {
    error,
    error_description: error === 'invalid_client' ? CLIENT_NOT_KNOWN : errorDescription(refusal.message),
  };
};

export const INTERNAL_OAUTH_ERROR: OauthErrorDocument = { error: OAUTH_ERRORS.internal.error };
