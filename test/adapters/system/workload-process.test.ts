import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { holdWorkload } from '../../../src/adapters/system/workload-process.ts';
import { CallersSocket, descriptorOf } from '../../support/unix-callers.ts';

let callers: CallersSocket;
beforeEach(async () => {
  callers = await new CallersSocket().listen();
});
afterEach(() => callers.close());

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await turn();
};

/** Our own process as the caller: both ends of one connection. */
const selfCalled = async (): Promise<[Socket, Socket]> => {
  const accepted = callers.accepted();
  const near = connect(callers.path);
  return [near, await accepted];
};

// WLE-8: by the pidfd of the socket, and by the process id as on kernels before 6.5.
describe.each([
  ['the pidfd of the socket', {}],
  ['the process id', { peerPidfd: false }],
  ['addresses that CAP_SYS_PTRACE alone shows', { auxv: false }],
])('by %s', (_name, options) => {
  test('a caller is known by what the kernel recorded', async () => {
    const caller = await callers.caller();
    const held = holdWorkload(caller.descriptor, options);
    const { dev, ino } = statSync(process.execPath, { bigint: true });
    expect(held).toMatchObject({ pid: caller.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    expect(held.groups.join(' ')).toBe(/^Groups:\t(.*?) ?$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    expect(held.program).toEqual({ device: dev, inode: ino });
    expect([held.isSame(), held.isSame()]).toEqual([true, true]);
    held.close();
  });

  test('one that ends is not the same any more', async () => {
    const caller = await callers.caller();
    const held = holdWorkload(caller.descriptor, options);
    caller.tell('q');
    await once(caller.child, 'exit');
    expect(held.isSame()).toBe(false);
    held.close();
  });

  test('one that was killed is not, before anybody has taken note of its end', async () => {
    const caller = await callers.caller();
    const held = holdWorkload(caller.descriptor, options);
    process.kill(caller.pid, 'SIGKILL');
    // Synchronous: the runtime has no chance to wait for its child, which stays a zombie.
    const isZombie = (): boolean => {
      try {
        readlinkSync(`/proc/${caller.pid}/exe`);
        return false;
      } catch {
        return true;
      }
    };
    while (!isZombie());
    expect(statSync(`/proc/${caller.pid}`).isDirectory()).toBe(true);
    expect(held.isSame()).toBe(false);
    held.close();
  });

  test('one that runs another program is not', async () => {
    const caller = await callers.caller();
    const held = holdWorkload(caller.descriptor, options);
    caller.tell('x');
    await until(() => !readlinkSync(`/proc/${caller.pid}/exe`).includes('node'));
    expect(held.isSame()).toBe(false);
    held.close();
  });

  test('nor is one that runs the same program anew', async () => {
    const caller = await callers.caller();
    const held = holdWorkload(caller.descriptor, options);
    caller.tell('r');
    await until(() => !held.isSame());
    expect(readlinkSync(`/proc/${caller.pid}/exe`)).toBe(readlinkSync('/proc/self/exe'));
    held.close();
  });

  test('one that was gone before anybody looked is refused', async () => {
    const caller = await callers.caller();
    caller.tell('q');
    await once(caller.child, 'exit');
    expect(() => holdWorkload(caller.descriptor, options)).toThrow('the process is gone');
  });

  test('no descriptor is left behind by those that are held, refused or closed twice', async () => {
    const dead = await callers.caller();
    dead.tell('q');
    await once(dead.child, 'exit');
    const [near, far] = await selfCalled();
    const before = openDescriptors();
    for (let count = 0; count < 10_000; count += 1) {
      const held = holdWorkload(descriptorOf(far), options);
      held.close();
      held.close();
    }
    for (let count = 0; count < 100; count += 1) expect(() => holdWorkload(dead.descriptor, options)).toThrow('gone');
    expect(openDescriptors()).toBe(before);
    near.destroy();
  });

  test('what was let go is nobody', async () => {
    const [near, far] = await selfCalled();
    const held = holdWorkload(descriptorOf(far), options);
    held.close();
    expect(held.isSame()).toBe(false);
    near.destroy();
  });
});

test.each([
  ['no socket', 0],
  ['no descriptor', 1_000_000],
])('%s tells of nobody', (_name, descriptor) => {
  expect(() => holdWorkload(descriptor)).toThrow('does not tell');
});
