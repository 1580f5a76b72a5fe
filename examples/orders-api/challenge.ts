/** Why a request does not get through (RFC 6750 §3.1). Without `error` the request carried no token at all. */
export class Challenge extends Error {
  readonly status: 401 | 403;
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined;
  /** All that the operation needs. */
  readonly scope: string;

  constructor(status: 401 | 403, error: Challenge['error'], description: string, scope: string) {
    super(description);
    this.name = 'Challenge';
    this.status = status;
    this.error = error;
    this.scope = scope;
  }
}

/** The value of `WWW-Authenticate`. Our texts hold no quote or backslash, so they need no escapes. */
export const challengeHeader = ({ error, message, scope }: Challenge): string =>
  [
    'Bearer realm="orders"',
    `scope="${scope}"`,
    ...(error === undefined ? [] : [`error="${error}"`, `error_description="${message}"`]),
  ].join(', ');
