import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { openPidfd } from '../../../src/adapters/system/linux-calls.ts';
import { idsOfPidfd } from '../../../src/adapters/system/pidfd-info.ts';
import { processState } from '../../../src/adapters/system/process-files.ts';

const own = (): number => openPidfd(process.pid);

/** What a kernel that has the call tells; one that has not tells nothing, and the file of `/proc` is read. */
const told = (pidfd: number) => idsOfPidfd(pidfd) ?? processState(process.pid, undefined);

test('the kernel tells of the same user as /proc', () => {
  const pidfd = own();
  const { euid, egid } = processState(process.pid, undefined);
  expect(told(pidfd)).toMatchObject({ euid, egid });
  expect(processState(process.pid, pidfd)).toMatchObject({ euid: process.geteuid?.(), egid: process.getegid?.() });
  closeSync(pidfd);
});

test('the same process has the same ids, again and again', () => {
  const pidfd = own();
  expect(told(pidfd).ids).toBe(told(pidfd).ids);
  closeSync(pidfd);
});

test('nothing is told of a process of which nothing is left', async () => {
  const child = spawn('sleep', ['60']);
  const pidfd = openPidfd(child.pid ?? 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(idsOfPidfd(pidfd)).toBeUndefined();
  closeSync(pidfd);
});

test('nor of what is no process', () => {
  expect(idsOfPidfd(-1)).toBeUndefined();
});
