import { pause } from '../adapters/system/pause.ts';
import { retryDelay } from '../workload/back-off.ts';
import { WorkloadError } from '../workload/errors.ts';
import { isUnavailable, type Ask } from './workload-socket.ts';

/**
 * Asks again while the agent cannot be reached or is not ready, for `timeoutSeconds`; the last problem is what it rejects with
 * then. Every other answer is one. `note` is told once that it waits.
 */
export const patiently = async <Answer>(
  ask: Ask<Answer>,
  { timeoutSeconds, note }: { readonly timeoutSeconds: number; readonly note: (message: string) => void },
): Promise<Answer> => {
  const enough = AbortSignal.timeout(timeoutSeconds * 1000);
  let latest = new WorkloadError('unavailable', `the agent gave no answer within ${timeoutSeconds} s`);
  for (let failures = 0; ; failures += 1) {
    try {
      return await ask(enough);
    } catch (error) {
      if (enough.aborted) throw latest;
      if (!isUnavailable(error)) throw error;
      if (failures === 0) note(`${error.message}; waiting for up to ${timeoutSeconds} s`);
      latest = error;
      // Given up while it waits, the reason is the problem and not the clock.
      await pause(retryDelay(error, failures), enough).catch(() => undefined);
      if (enough.aborted) throw latest;
    }
  }
};
