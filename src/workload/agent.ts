import { Client, credentials, Metadata, status, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { environmentVariable } from '../adapters/system/environment.ts';
import { ENDPOINT_VARIABLE, grpcTarget } from './address.ts';
import { WorkloadError, type WorkloadErrorCode } from './errors.ts';

/** Where the Workload API is, and how long to wait for it. */
export interface AgentOptions {
  /** `unix:///run/agent.sock` or `tcp://127.0.0.1:8081`; SPIFFE_ENDPOINT_SOCKET unless told. */
  readonly address?: string | undefined;
  /** Ends the waiting; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Room for the largest answer that agents should give (WLAPI-31). */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const CODES: Readonly<Record<number, WorkloadErrorCode>> = {
  [status.INVALID_ARGUMENT]: 'invalid_request',
  [status.PERMISSION_DENIED]: 'no_identity',
  [status.UNIMPLEMENTED]: 'unimplemented',
};

const isServiceError = (error: unknown): error is ServiceError =>
  Error.isError(error) && 'details' in error && typeof error.details === 'string' && 'code' in error;

/** What a call ended with. Codes that only say that it did not work out now are all `unavailable`. */
const callError = (error: unknown, target: string): unknown => {
  if (!isServiceError(error)) return error;
  const code = CODES[error.code] ?? 'unavailable';
  const name = status[error.code] ?? String(error.code);
  return new WorkloadError(code, `the Workload API at ${target} answers ${name}: ${error.details}`);
};

/** Every request carries it (WLE-4). */
const securityHeader = (): Metadata => {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  return metadata;
};

/** Ends a call when the signal aborts; the function returned forgets about it. */
const cancelling = (call: { cancel(): void }, signal: AbortSignal | undefined): (() => void) => {
  const cancel = (): void => call.cancel();
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
};

/** One connection to an agent. It ends with `close`. */
export interface Agent {
  /** Messages as they come. The iteration ends when the agent ends the stream, and throws `WorkloadError` or the signal's reason. */
  stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): AsyncGenerator<Response, void>;
  call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): Promise<Response>;
  close(): void;
}

/** Where the agent is: given, or named by the environment (WLE-9). Throws `no_address` or `invalid_address`. */
export const agentTarget = (address: string | undefined): string =>
  grpcTarget(address ?? environmentVariable(ENDPOINT_VARIABLE));

export const connectAgent = (target: string): Agent => {
  const client = new Client(target, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    // Who comes back, and when, is decided here and not below.
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    async *stream(method, request, signal) {
      signal?.throwIfAborted();
      const { path, requestSerialize, responseDeserialize } = method;
      const call = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        securityHeader(),
      );
      const forget = cancelling(call, signal);
      try {
        for await (const message of call) yield message as never;
      } catch (error) {
        signal?.throwIfAborted();
        throw callError(error, target);
      } finally {
        forget();
        // An iteration that its caller left early destroys the stream, which does not end the call.
        call.cancel();
      }
    },
    async call(method, request, signal) {
      signal?.throwIfAborted();
      const { path, requestSerialize, responseDeserialize } = method;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        securityHeader(),
        (error, response) => (error === null ? resolve(response) : reject(error)),
      );
      const forget = cancelling(call, signal);
      try {
        return (await promise) as never;
      } catch (error) {
        signal?.throwIfAborted();
        throw callError(error, target);
      } finally {
        forget();
      }
    },
    close: () => client.close(),
  };
};

/** Asks an agent once, over a connection of its own. */
export const withAgent = async <Answer>(
  address: string | undefined,
  ask: (agent: Agent) => Promise<Answer>,
): Promise<Answer> => {
  const agent = connectAgent(agentTarget(address));
  try {
    return await ask(agent);
  } finally {
    agent.close();
  }
};
