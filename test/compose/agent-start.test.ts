import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent } from '../../src/compose/agent.ts';
import { configSchema } from '../../src/compose/config-schema.ts';
import type { AgentConfig } from '../../src/compose/config.ts';
import { silentLogger } from '../support/silent-logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-agent-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const configOf = (port: number, more: object = {}): AgentConfig =>
  configSchema({ folder }).parse({
    trustDomain: 'example.org',
    agent: {
      server: 'https://127.0.0.1:1',
      stateDir: join(folder, 'state'),
      socket: join(folder, 'w.sock'),
      metrics: { port },
      ...more,
    },
  }) as AgentConfig;

test('a start that fails leaves no socket and no folder behind that it holds', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  await expect(startAgent(configOf(port), { logger: silentLogger })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  holder.close();
  expect(existsSync(join(folder, 'w.sock'))).toBe(false);
  const agent = await startAgent(configOf(0), { logger: silentLogger });
  await agent.stop();
});

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** Whether a connection is let in: one that is not is closed at once. */
const isLetIn = (path: string): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  opened.push(socket);
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(false));
  // The server's settings come to those who are served.
  socket.once('data', () => resolve(true));
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
  return promise;
};

test.each([
  ['one user', { connections: 100, connectionsPerUser: 3 }],
  // One in sixteen would be root's, of sixteen at least.
  ['all users', { connections: 3, connectionsPerUser: 100 }],
])('the socket takes as many connections of %s as it is told', async (_whose, limits) => {
  const agent = await startAgent(configOf(0, { limits }), { logger: silentLogger });
  const path = join(folder, 'w.sock');
  expect([await isLetIn(path), await isLetIn(path), await isLetIn(path)]).toEqual([true, true, true]);
  expect(await isLetIn(path)).toBe(false);
  await agent.stop();
});

test('what was kept over a restart is removed when there is no key for it any more', async () => {
  const info: unknown[] = [];
  const logger = { ...silentLogger, info: (message: string) => info.push(message) };
  const keyFile = join(folder, 'cache.key');
  writeFileSync(keyFile, Buffer.alloc(32, 1), { mode: 0o400 });
  const sealed = join(folder, 'state', 'holdings.sealed');
  const left = [sealed, `${sealed}.new`];
  for (const path of left) writeFileSync(path, 'sealed');

  const keeping = await startAgent(configOf(0, { cacheKey: keyFile }), { logger });
  expect(existsSync(sealed)).toBe(true);
  await keeping.stop();

  const agent = await startAgent(configOf(0), { logger });
  expect(left.filter((path) => existsSync(path))).toEqual([]);
  await agent.stop();
  const again = await startAgent(configOf(0), { logger });
  await again.stop();
  const said = 'removed what was kept over a restart: there is no cacheKey';
  expect(info.filter((message) => message === said)).toEqual([said]);
});
