import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notifyServiceManager } from '../../../src/adapters/system/service-manager.ts';
import { DatagramSocket } from '../../support/datagram-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-notify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = [join(folder, 'notify'), `@mayfly-test-${process.pid}-${Date.now()}`];

test.each(names)('a manager at %s hears every state, each in one datagram', (name) => {
  const manager = new DatagramSocket(name);
  notifyServiceManager(name, { READY: '1' });
  notifyServiceManager(name, { STATUS: 'not ready: a\nb', WATCHDOG: '1' });
  expect(manager.take()).toEqual(['READY=1', 'STATUS=not ready: a b\nWATCHDOG=1']);
  manager.close();
});

test.each([
  ['nobody listens at', join(folder, 'none'), 'was not told'],
  ['does not exist', '@mayfly-none', 'was not told'],
  ['is too long', `/${'a'.repeat(108)}`, 'too long a name'],
  ['is a virtual machine’s', 'vsock:2:9999', 'names no socket'],
  ['is no path', 'notify', 'names no socket'],
  ['is empty', '', 'names no socket'],
])('a socket that %s is an error', (_name, socket, words) => {
  expect(() => notifyServiceManager(socket, { READY: '1' })).toThrow(words);
});

test('a manager that takes nothing any more does not hold the server up', () => {
  const name = join(folder, 'full');
  const manager = new DatagramSocket(name);
  const fill = (): void => {
    for (let count = 0; count < 100_000; count++) notifyServiceManager(name, { READY: '1' });
  };
  expect(fill).toThrow('was not told');
  manager.close();
});
