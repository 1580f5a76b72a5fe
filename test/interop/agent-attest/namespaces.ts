import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, check, hold, Listening, runs, STRANGER, verdict } from './harness.ts';

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

const isOfProgram = (selector: string): boolean => /^unix:(?:path|sha256):/.test(selector);

const otherUsers = async (listening: Listening): Promise<void> => {
  const { caller, socket } = await call(listening, [], [`as=${STRANGER}`, 'userns']);
  const held = hold(socket);
  const selectors = await verdict(held);
  check('root in a user namespace is the user outside', selectors.includes(`unix:uid:${STRANGER}`), selectors);
  check('and not root', !selectors.includes('unix:uid:0') && !selectors.includes('unix:user:root'), selectors);
  check('its program is not believed', ![...selectors].some(isOfProgram), selectors);
  held.close();
  await caller.end();
};

const otherPids = async (listening: Listening): Promise<void> => {
  const before = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { caller, socket } = await call(listening, before);
  const held = hold(socket);
  check('a caller in a pid namespace has its id outside', held.pid > 1 && held.isSame(), held.pid);
  check('and is attested', (await verdict(held)).includes('unix:uid:0'));
  await caller.end();
  // The namespace ends with its first process, which `unshare` takes along.
  const deadline = performance.now() + 5_000;
  while (held.isSame() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  check('its end is noticed', !held.isSame());
  held.close();
};

/** In a mount namespace of its own, a caller has another program at the path of a trusted one. */
const otherMounts = async (listening: Listening): Promise<void> => {
  const target = join(listening.folder, 'trusted');
  copyFileSync('/bin/true', target);
  chmodSync(target, 0o755);
  const mounts = `mount --bind /bin/sleep ${target} && exec "$@"`;
  const { caller, socket } = await call(listening, ['unshare', '--mount', 'sh', '-c', mounts, 'sh']);
  const pid = caller.child.pid ?? 0;
  caller.say(`exec ${target} 60`);
  await runs(pid, target);
  const held = hold(socket);
  const selectors = [...(await verdict(held))];
  check('a path of another mount namespace is not believed', !selectors.includes(`unix:path:${target}`), selectors);
  check('the hash is that of what runs', selectors.includes(`unix:sha256:${sha256('/bin/sleep')}`), selectors);
  held.close();
  await caller.end();
};

/** Callers from other namespaces than the agent's. */
export const otherNamespaces = async (): Promise<void> => {
  const listening = await new Listening().listen();
  await otherUsers(listening);
  await otherPids(listening);
  await otherMounts(listening);
  listening.close();
};
