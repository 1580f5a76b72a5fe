/** Every way in which this library says no. A code is stable: programs may hold on to it. */
export const WORKLOAD_ERROR_CODES = [
  /** Neither an address was given nor is SPIFFE_ENDPOINT_SOCKET set. */
  'no_address',
  /** The address is not one of a Workload API. */
  'invalid_address',
  /** The agent cannot be reached, or cannot answer now. Trying again may help. */
  'unavailable',
  /** The agent has no identity for this process, or not the one that was asked for. */
  'no_identity',
  /** The agent does not accept the request; a JWT-SVID that it finds invalid is `invalid_token`. */
  'invalid_request',
  /** The agent does not offer this. */
  'unimplemented',
  /** The agent's answer cannot be used: malformed, or against its own rules. */
  'malformed_response',
  /** The program's own function that picks an identity threw; `cause` is what it threw. */
  'pick_failed',
  /** The peer's certificate is not an X.509-SVID that can be trusted. */
  'peer_not_trusted',
  /** The peer is who it says, and not one that may talk to us. */
  'peer_not_authorized',
  /** The JWT-SVID is not good. */
  'invalid_token',
  /** The source was closed. */
  'closed',
] as const;

export type WorkloadErrorCode = (typeof WORKLOAD_ERROR_CODES)[number];

/** An expected failure. Its message holds no key and no token. */
export class WorkloadError extends Error {
  readonly code: WorkloadErrorCode;

  constructor(code: WorkloadErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'WorkloadError';
    this.code = code;
  }
}

/** Whether nothing will change by asking again (WLE, table of codes). */
export const isFinal = ({ code }: WorkloadError): boolean => code === 'invalid_request' || code === 'unimplemented';
