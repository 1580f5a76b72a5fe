import { Refusal } from '../domain/refusal.ts';
import type { SessionParts } from './session-parts.ts';
import type { SharedState } from './shared-state.ts';
import type { WorkloadCaller } from './workload-caller.ts';
import type { WorkloadState } from './workload-session.ts';

/** How long a caller waits at most for SVIDs that are on their way: while it has none, and while it has some. Milliseconds. */
const NONE_YET_MS = 5000;
const SOME_YET_MS = 1000;

/** Why a caller gets nothing; the server says which entry was nearest. */
export const NO_ENTRY = 'no entry that is in force matches the caller';

/** The state once there is one: of all identities, or of some when the others take too long. Refuses as a session does. */
export const ready = async (
  { delays, lastWord }: Pick<SessionParts, 'delays' | 'lastWord'>,
  caller: WorkloadCaller,
  shared: SharedState,
  operation: string,
): Promise<WorkloadState> => {
  const { outcome } = shared;
  if (outcome.kind === 'state' && outcome.isWhole) return outcome.state;
  const wait = async (ms: number, isEnough: Parameters<SharedState['wait']>[0]): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = delays.after(ms, resolve);
    const close = (): void => resolve();
    caller.closed.addEventListener('abort', close, { once: true });
    await shared.wait(isEnough, promise);
    caller.closed.removeEventListener('abort', close);
    stop();
  };
  await wait(SOME_YET_MS, (now) => now.kind === 'none' || (now.kind === 'state' && now.isWhole));
  if (shared.outcome.kind === 'coming') await wait(NONE_YET_MS - SOME_YET_MS, ({ kind }) => kind !== 'coming');
  lastWord.check();
  const last = shared.outcome;
  if (last.kind === 'state') return last.state;
  if (last.kind === 'none') throw caller.denied({ operation, reason: NO_ENTRY });
  throw new Refusal('unavailable', 'no SVID could be had from the server yet', { retryAfter: 1 });
};
