import { chmodSync, chownSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkloadAttestor } from '../../../src/ports/workload-attestor.ts';
import { workloadAttestation } from '../../../src/agent/attest-workload.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemLogger } from '../../../src/adapters/system/logger.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { call, check, hold, Listening, patience, refusalOf, runs, STRANGER, unix, until, verdict } from './harness.ts';

/** A program that others may want to be taken for. */
const trusted = (folder: string, name = 'trusted'): string => {
  const path = join(folder, name);
  copyFileSync('/bin/sleep', path);
  chmodSync(path, 0o755);
  return path;
};

const execs = async (listening: Listening, peerPidfd: boolean): Promise<void> => {
  const how = peerPidfd ? 'pidfd of the socket' : 'process id';
  const path = trusted(listening.folder);
  const { caller, socket } = await call(listening);
  const held = hold(socket, { peerPidfd });
  check(`${how}: a caller that does nothing is the same`, held.isSame());
  caller.say(`exec ${path} 60`);
  await runs(held.pid, path);
  check(`${how}: one that runs another program is not, though the socket is still open`, !held.isSame());
  check(`${how}: and gets nothing`, (await verdict(held)) === 'unauthenticated');
  held.close();
  await caller.end();
};

/** What it runs changes while it is looked at, and changes back before it is looked at again. */
const changesAndBack = async (listening: Listening): Promise<void> => {
  const path = trusted(listening.folder);
  const { caller, socket } = await call(listening);
  const held = hold(socket);
  const meddles: WorkloadAttestor = {
    type: 'unix',
    attest: async (process, signal) => {
      caller.say('again');
      await caller.answer();
      return unix.attest(process, signal);
    },
  };
  const options = { attestors: [meddles], clock: systemClock, delays: systemTimers, logger: systemLogger('error') };
  const answer = await workloadAttestation({ ...options, timeLimitMs: 5_000 })(held, patience()).catch(
    (error: unknown) => (error as { readonly code?: unknown }).code,
  );
  check('one that runs the same program anew while it is looked at gets nothing', answer === 'unauthenticated', answer);
  caller.say(`exec ${path} 60`);
  await runs(held.pid, path);
  const selectors = await unix.attest(held, patience());
  check(
    'what was read of another program than at connect is no selector',
    !selectors.some((selector) => selector.startsWith('unix:path') || selector.startsWith('unix:sha256')),
    selectors,
  );
  held.close();
  await caller.end();
};

/** Written down in the docstring of holdWorkload: the kernel has no record of it. */
const beforeAnybodyLooks = async (listening: Listening): Promise<void> => {
  const path = trusted(listening.folder);
  const { caller, socket } = await call(listening);
  const pid = caller.child.pid ?? 0;
  caller.say(`exec ${path} 60`);
  await runs(pid, path);
  const held = hold(socket);
  const selectors = await verdict(held);
  check(
    'known: another program before anybody looks is taken for the caller’s',
    selectors.includes(`unix:path:${path}`),
  );
  check('known: but only with the user that connected', selectors.includes('unix:uid:0'));
  held.close();
  await caller.end();
};

const privileged = async (listening: Listening): Promise<void> => {
  const path = trusted(listening.folder, 'privileged');
  chownSync(path, 0, 0);
  chmodSync(path, 0o4755);
  const late = await call(listening, [], [`as=${STRANGER}`]);
  const held = hold(late.socket);
  late.caller.say(`exec ${path} 60`);
  await runs(held.pid, path);
  check('a setuid program after connect is not the caller', !held.isSame());
  held.close();
  await late.caller.end();

  const early = await call(listening, [], [`as=${STRANGER}`]);
  early.caller.say(`exec ${path} 60`);
  await runs(early.caller.child.pid ?? 0, path);
  check(
    'nor before anybody looks',
    refusalOf(early.socket)?.includes('another user') === true,
    refusalOf(early.socket),
  );
  await early.caller.end();
};

const users = async (listening: Listening): Promise<void> => {
  for (const command of [`setuid ${STRANGER}`, `seteuid ${STRANGER}`, `setgid ${STRANGER}`]) {
    const { caller, socket } = await call(listening);
    const held = hold(socket);
    await caller.does(command);
    check(`${command} after connect is noticed`, !held.isSame());
    held.close();
    check(
      `${command} before anybody looks is refused`,
      refusalOf(socket)?.includes('another user') === true,
      refusalOf(socket),
    );
    await caller.end();
  }
};

const groups = async (listening: Listening): Promise<void> => {
  const { caller, socket } = await call(listening, [], [`as=${STRANGER}:4,61235`]);
  const held = hold(socket);
  const selectors = await verdict(held);
  const wanted = [
    `unix:uid:${STRANGER}`,
    `unix:gid:${STRANGER}`,
    'unix:supplementary_gid:4',
    'unix:supplementary_gid:61235',
  ];
  check(
    'user and groups are those of the caller',
    wanted.every((selector) => selectors.includes(selector)),
    selectors,
  );
  check(
    'the program of another user is seen',
    [...selectors].some((selector) => selector.startsWith('unix:path:/')),
    selectors,
  );
  held.close();
  await caller.end();
  const many = Array.from({ length: 1_000 }, (_, at) => 70_000 + at);
  const crowd = await call(listening, [], [`as=${STRANGER}:${many.join(',')}`]);
  const member = hold(crowd.socket);
  check(
    'a thousand groups are all told',
    member.groups.length === many.length && many.every((id) => member.groups.includes(id)),
  );
  member.close();
  await crowd.caller.end();
};

const withoutMainThread = async (listening: Listening): Promise<void> => {
  const { caller, socket } = await call(listening);
  await caller.does('end-main-thread');
  const refusal = (): string | undefined => refusalOf(socket);
  await until(() => refusal() !== undefined);
  check('a process that lost its main thread is refused', refusal() !== undefined);
  await caller.end();
};

/** An agent that is neither root nor the caller's user. */
const withoutRights = async (listening: Listening): Promise<void> => {
  const { caller, socket } = await call(listening);
  process.setegid?.(STRANGER);
  process.seteuid?.(STRANGER);
  try {
    const held = hold(socket);
    const selectors = await verdict(held);
    check('without rights the user is told', selectors.includes('unix:uid:0'), selectors);
    check('and the program is not', held.program === undefined && !String(selectors).includes('unix:path'), selectors);
    await caller.does(`seteuid ${STRANGER}`);
    check('but a change of user is noticed', !held.isSame());
    held.close();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
  await caller.end();
};

/** Callers that change between connect and answer. */
export const changedCallers = async (): Promise<void> => {
  const listening = await new Listening().listen();
  await execs(listening, true);
  await execs(listening, false);
  await changesAndBack(listening);
  await beforeAnybodyLooks(listening);
  await privileged(listening);
  await users(listening);
  await groups(listening);
  await withoutMainThread(listening);
  await withoutRights(listening);
  listening.close();
};
