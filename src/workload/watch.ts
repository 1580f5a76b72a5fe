import type { MethodDefinition } from '@grpc/grpc-js';
import { pause } from '../adapters/system/pause.ts';
import { connectAgent } from './agent.ts';
import { retryDelay } from './back-off.ts';
import { isFinal, WorkloadError } from './errors.ts';

export interface Watch<Message> {
  readonly target: string;
  readonly method: MethodDefinition<object, Message>;
  /** Takes over a message; throws `WorkloadError` when it cannot be used, and then nothing has changed. */
  readonly accept: (message: Message) => void;
  /** Told of everything that goes wrong, in order. Only after a final one does the watch end. */
  readonly problem: (problem: WorkloadError) => void;
  readonly signal: AbortSignal;
}

/** Tells a problem, or throws what is none: a bug, or the signal's reason. */
const problemOf = (error: unknown): WorkloadError => {
  if (error instanceof WorkloadError) return error;
  throw error;
};

/** One stream, to its end. Gives what ended it, and whether a message of it was good. */
const follow = async <Message>(watch: Watch<Message>): Promise<{ problem: WorkloadError; good: boolean }> => {
  const { target, method, accept, signal } = watch;
  const agent = connectAgent(target);
  let good = false;
  try {
    for await (const message of agent.stream(method, {}, signal)) {
      try {
        accept(message);
        good = true;
      } catch (error) {
        watch.problem(problemOf(error));
      }
    }
    return { problem: new WorkloadError('unavailable', `the Workload API at ${target} ended the stream`), good };
  } catch (error) {
    return { problem: problemOf(error), good };
  } finally {
    agent.close();
  }
};

/**
 * Follows a stream of the Workload API for as long as the signal allows: however it ends, it is opened again after a while,
 * the sooner the better it went before. InvalidArgument and Unimplemented end it for good; `problem` has told. A server's
 * own Cancelled is no reason to stop, since that is what servers that are shut down say. Rejects with the signal's reason.
 */
export const watchStream = async <Message>(watch: Watch<Message>): Promise<void> => {
  for (let failures = 0; ; failures += 1) {
    const { problem, good } = await follow(watch);
    watch.problem(problem);
    if (isFinal(problem)) return;
    if (good) failures = 0;
    await pause(retryDelay(problem, failures), watch.signal);
  }
};
