import type { ServerDuplexStream } from '@grpc/grpc-js';
import { Refusal } from '../../domain/refusal.ts';
import type { WorkloadSession } from '../../agent/workload-session.ts';
import type { Logger } from '../../ports/logger.ts';
import { endingFor } from './ending.ts';
import type { ErrorDetail, NodeMessage } from './messages.ts';
import type { ValidationForm } from './envoy-node.ts';
import { nameOf, noteRefusal } from './note-refusal.ts';
import type { Secrets, SecretsOf } from './secrets.ts';
import type { SecretStream } from './subscription.ts';

/** What every request on a stream has. */
export interface StreamRequest {
  readonly node: NodeMessage | null;
  readonly errorDetail: ErrorDetail | null;
}

/** One variant of the protocol: its machine, and its messages as the machine has them. */
export interface Variant<Request extends StreamRequest, Response, Taken, Given> {
  readonly machine: SecretStream<Taken, Given>;
  readonly take: (request: Request) => Taken;
  readonly give: (given: Given) => Response;
}

export interface StreamContext {
  /** Finds the caller; throws `Refusal` when its connection has closed. */
  readonly session: () => WorkloadSession;
  /** Has `end` called when the agent closes. The function returned takes it back. */
  readonly whenClosing: (end: () => void) => () => void;
  readonly secretsOf: SecretsOf;
  /** The form for an Envoy, by the node of its first request. */
  readonly formFor: (node: NodeMessage | null) => ValidationForm;
  readonly logger: Logger;
}

/**
 * Serves one stream until its client leaves or something ends it: never with OK or Cancelled, by which clients may think that
 * they need not come back. The caller's state is watched from the first request on. One response is under way at a time, and
 * while it is, nothing more is read: a slow reader gets the newest next, and costs no queue.
 */
export const serveStream = <Request extends StreamRequest, Response, Taken, Given>(
  call: ServerDuplexStream<Request, Response>,
  { machine, take, give }: Variant<Request, Response, Taken, Given>,
  { session, whenClosing, secretsOf, formFor, logger }: StreamContext,
): void => {
  const gone = new AbortController();
  const { signal } = gone;
  /** Whose stream it is, once a request has said so. */
  let node: string | undefined;
  let hasBegun = false;
  let isWriting = false;

  const end = (thrown: unknown): void => {
    if (signal.aborted) return;
    gone.abort();
    call.emit('error', endingFor(thrown, logger));
  };
  const attempt = (step: () => void): void => {
    if (signal.aborted) return;
    try {
      step();
    } catch (error) {
      end(error);
    }
  };
  const send = (): void => {
    const given = isWriting ? undefined : machine.next();
    if (given === undefined) return;
    isWriting = true;
    call.pause();
    call.write(give(given), () => {
      isWriting = false;
      call.resume();
      attempt(send);
    });
  };
  const watch = (form: ValidationForm): void => {
    const update = (secrets: Secrets): void =>
      attempt(() => {
        machine.update(secrets);
        send();
      });
    session()
      .watch((state) => update(secretsOf(state, form)), signal)
      .catch(end);
  };

  call.on('data', (request: Request) =>
    attempt(() => {
      const isFirst = !hasBegun;
      hasBegun = true;
      // Later requests may leave the node out (SDS-20).
      if (request.node !== null) node ??= nameOf(request.node);
      if (machine.request(take(request)) === 'refused') noteRefusal(logger, node ?? '', request.errorDetail);
      if (isFirst) watch(formFor(request.node));
      send();
    }),
  );
  // A client that has said all it wants to say still listens.
  call.on('end', () => {
    if (!hasBegun) end(new Refusal('invalid_request', 'the stream ended before its first request'));
  });
  const forget = whenClosing(() => end(new Refusal('unavailable', 'the agent is shutting down')));
  signal.addEventListener('abort', forget);
  call.on('cancelled', () => gone.abort());
  call.on('close', () => gone.abort());
};
