import type { Failpoint } from './messages.ts';
import type { CommitHooks } from './store.ts';

const act = ({ action, delayMs = 0 }: Failpoint): void => {
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'delay':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
      return;
    case 'throw':
      throw new Error('the disk failed');
    default:
      action satisfies never;
  }
};

/** What a failpoint does around commits. */
export const commitHooks = (failpoint: Failpoint | undefined): CommitHooks => {
  if (!failpoint) return {};
  let left = failpoint.after ?? 0;
  const hook = (): void => {
    if (left > 0) left -= 1;
    else act(failpoint);
  };
  return failpoint.name === 'before-commit' ? { beforeCommit: hook } : { afterCommit: hook };
};
