/**
 * Every expected "no" of the product. A code is stable: callers, scripts and dashboards hold on to it.
 * Each edge (http, oauth, cli) owns one table `satisfies Record<RefusalCode, …>`, so a new code fails to compile until
 * every edge answers it.
 */
export const REFUSAL_CODES = [
  // the request itself
  'invalid_request',
  'payload_too_large',
  'unsupported_media_type',
  'not_found',
  'method_not_allowed',
  'upgrade_required',
  // the caller
  'unauthenticated',
  'forbidden',
  'rate_limited',
  // attestation and issuance
  'attestation_refused',
  'invalid_csr',
  'unsupported_key',
  'no_identity',
  'ambiguous_identity',
  'revoked',
  'renewal_refused',
  // what is read back or presented
  'invalid_svid',
  'invalid_token',
  // administration
  'invalid_entry',
  'invalid_resource',
  'conflict',
  'precondition_failed',
  'confirmation_required',
  'authority_state',
  // the server
  'busy',
  'read_only',
  'unavailable',
  // OAuth's own words (RFC 6749 §5.2, RFC 8707 §2)
  'invalid_client',
  'invalid_grant',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

export interface RefusalOptions {
  /** For the operator: recorded and logged, never sent to the caller. Holds no secret, token, key or evidence. */
  readonly reason?: string;
  /** The decision on record that explains this refusal (`mayfly explain <id>`). */
  readonly decisionId?: string;
  /** Whole seconds after which the same request may succeed; becomes `Retry-After`. */
  readonly retryAfter?: number;
  /** The member of the input that is wrong, for example `selectors[2]`. */
  readonly field?: string;
  /** Everything that is wrong with the input, where several members may be. */
  readonly problems?: readonly FieldProblem[];
}

/** What is wrong with one member of an input, for example `selectors[2]`. Both are public. */
export interface FieldProblem {
  readonly field: string;
  readonly problem: string;
}

/** An expected "no". Anything else that is thrown is a bug or an outage, and becomes a bare 500. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly reason: string | undefined;
  readonly decisionId: string | undefined;
  readonly retryAfter: number | undefined;
  readonly field: string | undefined;
  readonly problems: readonly FieldProblem[];

  /** `detail` is public: the caller reads it. */
  constructor(code: RefusalCode, detail: string, options: RefusalOptions = {}) {
    super(detail);
    this.name = 'Refusal';
    this.code = code;
    this.reason = options.reason;
    this.decisionId = options.decisionId;
    this.retryAfter = options.retryAfter;
    this.field = options.field;
    this.problems = options.problems ?? [];
  }
}

/** The refusal that tells all `problems` of one input; its `field` is that of the first. */
export const problemsRefusal = (code: RefusalCode, problems: readonly FieldProblem[]): Refusal => {
  const [first] = problems;
  const detail = problems.map(({ field, problem }) => `${field}: ${problem}`).join('; ');
  return new Refusal(code, detail, { problems, ...(first !== undefined && { field: first.field }) });
};
