import { setTimeout as wait } from 'node:timers/promises';

/** Resolves after `ms`, and keeps the process alive until then. Rejects with the signal's reason when it aborts. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
};
