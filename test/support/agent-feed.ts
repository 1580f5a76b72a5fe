import { systemTimers } from '../../src/adapters/system/timers.ts';
import type { SyncSink } from '../../src/agent/sync-sink.ts';
import type { Cursor } from '../../src/domain/cursor.ts';
import type { Delays } from '../../src/ports/timers.ts';

/** Longer than any pause between two connections. */
const RESYNC_LEAST_MS = 200_000;

/** Pauses are noted and hardly waited for; the timer of the resync is the test's to fire. */
export const hurried = () => {
  const pauses: number[] = [];
  const resyncs = new Set<() => void>();
  const delays: Delays = {
    after: (ms, work) => {
      if (ms >= RESYNC_LEAST_MS) {
        resyncs.add(work);
        return () => resyncs.delete(work);
      }
      pauses.push(ms);
      return systemTimers.after(Math.min(ms, 5), work);
    },
  };
  const resync = (): void => {
    const due = [...resyncs];
    resyncs.clear();
    for (const work of due) work();
  };
  return { delays, pauses, resync };
};

/** Notes what it is told, as one word each. */
export const noting = (start?: Cursor) => {
  const told: string[] = [];
  let held = start;
  const sink: SyncSink = {
    held: () => held,
    begin: (reset) => told.push(reset ? 'reset' : 'changes'),
    entries: ({ entries, removed }) =>
      told.push(...entries.map(({ id }) => `+${id}`), ...removed.map((id) => `-${id}`)),
    revocations: ({ revocations }) => told.push(...revocations.map(({ target }) => `!${target.value}`)),
    bundle: () => told.push('bundle'),
    commit: (cursor) => {
      held = cursor;
      told.push('commit');
    },
    heard: () => undefined,
    forgetAll: () => void told.push('forgotten'),
    recorded: (ids) => told.push(...ids.map((id) => `recorded ${id}`)),
    lives: ({ x509Ttl }) => told.push(`lives ${x509Ttl}`),
  };
  return { sink, told, held: () => held };
};
