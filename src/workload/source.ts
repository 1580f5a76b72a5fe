import type { EventEmitter } from 'node:events';
import type { WorkloadError } from './errors.ts';

/** What sources of identities tell. */
export interface SourceEvents {
  /** There is something new. */
  update: [];
  /** The agent says that this process has no identity any more: everything held was dropped. */
  withdrawn: [];
  /** Something did not work out; the source goes on. */
  problem: [problem: WorkloadError];
  /** The agent says that asking again is of no use: nothing new will come, what is held stays. */
  ended: [problem: WorkloadError];
}

/** Calls listeners of the program. What they throw is the program's own, and must not end the watch. */
export const quietly = (tell: () => void): void => {
  try {
    tell();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
};

/** Waits for the first update. Rejects with the signal's reason, with what ended the source, or with `pick_failed`. */
export const firstOf = (source: EventEmitter<SourceEvents>, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const forget = (): void => {
      source.off('update', updated).off('problem', failed).off('ended', ended);
      signal?.removeEventListener('abort', aborted);
    };
    const updated = (): void => {
      forget();
      resolve();
    };
    const ended = (problem: WorkloadError): void => {
      forget();
      reject(problem);
    };
    const failed = (problem: WorkloadError): void => {
      if (problem.code === 'pick_failed') ended(problem);
    };
    const aborted = (): void => {
      forget();
      reject(signal?.reason);
    };
    source.on('update', updated).on('problem', failed).on('ended', ended);
    signal?.addEventListener('abort', aborted, { once: true });
  });
