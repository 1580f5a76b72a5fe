import type { Refusal, RefusalCode } from '../../domain/refusal.ts';

/** `internal`: a bug or an outage, of which the caller reads no more than that. */
export type ProblemCode = RefusalCode | 'internal';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/** The status and title of each code. */
export const PROBLEMS = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The media type is not accepted here' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  upgrade_required: { status: 426, title: 'Another protocol is spoken here' },
  unauthenticated: { status: 401, title: 'The caller is not known' },
  forbidden: { status: 403, title: 'The caller may not do this' },
  rate_limited: { status: 429, title: 'The caller asks too often' },
  attestation_refused: { status: 403, title: 'The evidence was not accepted' },
  invalid_csr: { status: 400, title: 'The certificate request is not valid' },
  unsupported_key: { status: 400, title: 'The kind of key is not accepted' },
  no_identity: { status: 403, title: 'No identity is registered for the caller' },
  ambiguous_identity: { status: 409, title: 'More than one identity fits' },
  revoked: { status: 403, title: 'The identity is revoked' },
  renewal_refused: { status: 403, title: 'The renewal was refused' },
  invalid_svid: { status: 400, title: 'The SVID is not valid' },
  invalid_token: { status: 400, title: 'The token is not valid' },
  invalid_entry: { status: 400, title: 'The entry is not valid' },
  invalid_resource: { status: 400, title: 'The resource is not valid' },
  conflict: { status: 409, title: 'It is in conflict with what exists' },
  precondition_failed: { status: 412, title: 'It was changed in between' },
  confirmation_required: { status: 409, title: 'It wants to be confirmed' },
  authority_state: { status: 409, title: 'The authority is in another state' },
  busy: { status: 503, title: 'The server is full' },
  read_only: { status: 503, title: 'The server takes no writes' },
  unavailable: { status: 503, title: 'The server cannot do this now' },
  invalid_client: { status: 401, title: 'The client is not known' },
  invalid_grant: { status: 400, title: 'The grant is not valid' },
  invalid_scope: { status: 400, title: 'The scope is not valid' },
  invalid_target: { status: 400, title: 'The resource is not valid for this client' },
  unauthorized_client: { status: 400, title: 'The client may not use this grant' },
  unsupported_grant_type: { status: 400, title: 'The grant type is not supported' },
  unsupported_response_type: { status: 400, title: 'The response type is not supported' },
  internal: { status: 500, title: 'The server failed' },
} satisfies Record<ProblemCode, ProblemKind>;

/** The media type of RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json';

/** RFC 9457 §3, with our members `code`, `decision`, `field` and `problems`. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What programs decide by. */
  readonly code: ProblemCode;
  readonly detail?: string;
  /** For `mayfly explain`. */
  readonly decision?: string;
  readonly field?: string;
  readonly problems?: readonly { readonly field: string; readonly problem: string }[];
}

/** The `type` member of a problem. */
export const problemType = (code: ProblemCode): string => `urn:mayfly:problem:${code}`;

const document = (code: ProblemCode): Pick<ProblemDocument, 'type' | 'title' | 'status' | 'code'> => ({
  type: problemType(code),
  ...PROBLEMS[code],
  code,
});

/** What the caller is told of a refusal: never its `reason`. */
export const problemOf = (refusal: Refusal): ProblemDocument => ({
  ...document(refusal.code),
  detail: refusal.message,
  ...(refusal.decisionId !== undefined && { decision: refusal.decisionId }),
  ...(refusal.field !== undefined && { field: refusal.field }),
  ...(refusal.problems.length > 1 && { problems: refusal.problems }),
});

/** What the caller is told of a failure that is ours. */
export const INTERNAL_PROBLEM: ProblemDocument = document('internal');
