import type { ServerWritableStream } from '@grpc/grpc-js';
import type { WorkloadSession, WorkloadState } from '../../agent/workload-session.ts';
import type { Logger } from '../../ports/logger.ts';
import type { OpenCalls } from './open-calls.ts';
import type { CallStatus } from './grpc/status.ts';
import { CLOSING, statusOf } from './status.ts';

/** A call that is answered with octets, again and again. */
export type StateStream = Pick<ServerWritableStream<unknown, Buffer>, 'write' | 'emit' | 'on'>;

/**
 * Sends the newest answer, one at a time: while the client does not read the last one, only the newest waits, whatever
 * came between. One that equals the last is left out (WLAPI-5).
 */
const newestOnly = (call: StateStream, signal: AbortSignal): ((answer: Buffer) => void) => {
  let last: Buffer | undefined;
  let next: Buffer | undefined;
  let isWriting = false;
  const written = (): void => {
    isWriting = false;
    const waiting = next;
    next = undefined;
    // What a client did not read in time is not written behind the end of its call, which would then be another one.
    if (waiting !== undefined && !signal.aborted) send(waiting);
  };
  const send = (answer: Buffer): void => {
    if (isWriting) {
      next = answer;
      return;
    }
    if (last !== undefined && (last === answer || last.equals(answer))) return;
    last = answer;
    isWriting = true;
    call.write(answer, written);
  };
  return send;
};

/**
 * Why a watch is called off. An abort without a reason makes an error with a stack, at a tenth of the price of the
 * call.
 */
const OVER = 'the call is over';

/** Answers a call with every state of its caller, until one of them leaves or the agent closes. */
export const streamStates = async (
  call: StateStream,
  session: WorkloadSession,
  answerOf: (state: WorkloadState) => Buffer,
  { calls, logger }: { readonly calls: OpenCalls; readonly logger: Logger },
): Promise<void> => {
  const leaving = new AbortController();
  const { signal } = leaving;
  const end = (status: CallStatus): void => {
    if (signal.aborted) return;
    leaving.abort(OVER);
    call.emit('error', status);
  };
  const forget = calls.add(() => end(CLOSING));
  call.on('cancelled', () => leaving.abort(OVER));
  const send = newestOnly(call, signal);
  try {
    await session.watch((state) => {
      if (!signal.aborted) send(answerOf(state));
    }, signal);
  } catch (error) {
    if (!signal.aborted) end(statusOf(error, logger));
  } finally {
    forget();
  }
};
