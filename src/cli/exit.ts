import { ServerRefusal, Unreachable } from '../adapters/http-client/admin.ts';
import { Refusal } from '../domain/refusal.ts';
import type { RefusalCode } from '../domain/refusal.ts';
import { WorkloadError, type WorkloadErrorCode } from '../workload/errors.ts';

/** What every command ends with: 0 yes, 1 no, 2 used wrongly, 3 could not tell. */
export const EXIT = { yes: 0, no: 1, usage: 2, unknown: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command was used wrongly, in a way that only it can know. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** The answer is no, and the command itself found out. */
export class CommandRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CommandRefused';
  }
}

/** The command could not find out or do what it was asked to, and may once the cause is gone. */
export class CouldNotTell extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CouldNotTell';
  }
}

const REFUSAL_EXITS = {
  invalid_request: EXIT.usage,
  payload_too_large: EXIT.usage,
  unsupported_media_type: EXIT.usage,
  not_found: EXIT.no,
  method_not_allowed: EXIT.usage,
  upgrade_required: EXIT.usage,
  unauthenticated: EXIT.no,
  forbidden: EXIT.no,
  rate_limited: EXIT.unknown,
  attestation_refused: EXIT.no,
  invalid_csr: EXIT.usage,
  unsupported_key: EXIT.usage,
  no_identity: EXIT.no,
  ambiguous_identity: EXIT.no,
  revoked: EXIT.no,
  renewal_refused: EXIT.no,
  invalid_svid: EXIT.no,
  invalid_token: EXIT.no,
  invalid_entry: EXIT.usage,
  invalid_resource: EXIT.usage,
  conflict: EXIT.no,
  precondition_failed: EXIT.no,
  confirmation_required: EXIT.no,
  authority_state: EXIT.no,
  busy: EXIT.unknown,
  read_only: EXIT.unknown,
  unavailable: EXIT.unknown,
  invalid_client: EXIT.no,
  invalid_grant: EXIT.no,
  invalid_scope: EXIT.no,
  invalid_target: EXIT.no,
  unauthorized_client: EXIT.no,
  unsupported_grant_type: EXIT.usage,
  unsupported_response_type: EXIT.usage,
} satisfies Record<RefusalCode, ExitCode>;

const WORKLOAD_EXITS = {
  no_address: EXIT.usage,
  invalid_address: EXIT.usage,
  unavailable: EXIT.unknown,
  no_identity: EXIT.no,
  invalid_request: EXIT.usage,
  unimplemented: EXIT.unknown,
  pick_failed: EXIT.unknown,
  malformed_response: EXIT.unknown,
  peer_not_trusted: EXIT.no,
  peer_not_authorized: EXIT.no,
  invalid_token: EXIT.no,
  closed: EXIT.unknown,
} satisfies Record<WorkloadErrorCode, ExitCode>;

/** An agent of ours names the decision in its message. */
const decisionHints = ({ message }: WorkloadError): readonly string[] => {
  const decision = /\(decision ([0-9a-f]{32})\)/.exec(message)?.[1];
  return decision === undefined ? [] : [`on record: mayfly explain ${decision}`];
};

/** How an expected failure is told; undefined for one that nobody expected. */
export interface Failure {
  readonly exit: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly hints: readonly string[];
}

/** Programs are told a time to come back all the same (DEC-21); a person who waits for that waits in vain. */
const MENDED_BY_HAND: ReadonlySet<string> = new Set<RefusalCode>(['read_only']);

const serverFailure = (error: ServerRefusal): Failure => ({
  exit: error.code === 'internal' ? EXIT.unknown : REFUSAL_EXITS[error.code],
  code: error.code,
  message: error.problems.length > 0 ? `the server refuses (${error.code})` : `${error.message} (${error.code})`,
  hints: [
    ...error.problems.map(({ field, problem }) => `${field}: ${problem}`),
    ...(error.decision === undefined ? [] : [`on record: mayfly explain ${error.decision}`]),
    ...(error.retryAfter === undefined || MENDED_BY_HAND.has(error.code) ? [] : [`try again in ${error.retryAfter} s`]),
  ],
});

export const failureOf = (error: unknown): Failure | undefined => {
  if (error instanceof ServerRefusal) return serverFailure(error);
  if (error instanceof Unreachable)
    return { exit: EXIT.unknown, code: 'unreachable', message: error.message, hints: [] };
  if (error instanceof CouldNotTell)
    return { exit: EXIT.unknown, code: 'unavailable', message: error.message, hints: [] };
  if (error instanceof WorkloadError)
    return { exit: WORKLOAD_EXITS[error.code], code: error.code, message: error.message, hints: decisionHints(error) };
  if (error instanceof UsageError) return { exit: EXIT.usage, code: 'usage', message: error.message, hints: [] };
  if (error instanceof CommandRefused) return { exit: EXIT.no, code: 'refused', message: error.message, hints: [] };
  if (error instanceof Refusal) {
    const hints = error.reason === undefined || error.reason === error.message ? [] : [error.reason];
    return { exit: REFUSAL_EXITS[error.code], code: error.code, message: error.message, hints };
  }
  return undefined;
};

/** A server that runs, a store that is damaged: told in its own sentence. */
export const answering = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    const { name, message } = error as Error;
    throw name === 'Error' || name === 'SqliteError' ? new CommandRefused(message) : error;
  }
};
