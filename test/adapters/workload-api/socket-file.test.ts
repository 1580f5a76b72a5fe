import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenOnSocket, MAX_SOCKET_PATH_BYTES } from '../../../src/adapters/workload-api/socket-file.ts';

let folder: string;
const servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) if (server.listening) await once(server.close(), 'close');
  await rm(folder, { recursive: true, force: true });
});

const listen = (path: string, mode = 0o666): Promise<void> => {
  const server = createServer((socket) => socket.end());
  servers.push(server);
  return listenOnSocket(server, path, mode);
};

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;

test('makes the folder and the socket with sane modes, whatever the umask', async () => {
  const umask = process.umask(0o077);
  const path = join(folder, 'run', 'mayfly', 'agent.sock');
  try {
    await listen(path);
  } finally {
    process.umask(umask);
  }
  expect(await mode(path)).toBe(0o666);
  const socket = connect(path);
  await once(socket, 'connect');
  socket.destroy();
  expect((await mode(join(folder, 'run', 'mayfly'))) & 0o022).toBe(0);
});

test('gives the socket the mode that it is told', async () => {
  const path = join(folder, 'a.sock');
  await listen(path, 0o660);
  expect(await mode(path)).toBe(0o660);
});

test('replaces a socket that was left behind', async () => {
  const path = join(folder, 'a.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect((await stat(path)).isSocket()).toBe(true);
  await listen(path);
  await once(connect(path), 'connect');
});

describe('refuses, with one sentence', () => {
  test('a socket on which somebody answers', async () => {
    const path = join(folder, 'a.sock');
    await listen(path);
    await expect(listen(path)).rejects.toThrow(`another agent answers on ${path}`);
    await once(connect(path), 'connect');
  });

  test('anything else of that name', async () => {
    const path = join(folder, 'a.sock');
    await writeFile(path, 'x');
    await expect(listen(path)).rejects.toThrow('exists and is not a socket');
    await symlink('/nowhere', join(folder, 'b.sock'));
    await expect(listen(join(folder, 'b.sock'))).rejects.toThrow('exists and is not a socket');
  });

  test('a path that is too long for a socket', async () => {
    const path = `/${'a'.repeat(MAX_SOCKET_PATH_BYTES)}`;
    await expect(listen(path)).rejects.toThrow('has 104 bytes, and 103 is the most');
    await expect(listen(join(folder, 'é'.repeat(60)))).rejects.toThrow('103 is the most');
  });

  test('a path that begins nowhere', async () => {
    await expect(listen('agent.sock')).rejects.toThrow('has to begin with a slash');
    await expect(listen('unix:///agent.sock')).rejects.toThrow('has to begin with a slash');
  });

  test('a folder into which everybody may write', async () => {
    await mkdir(join(folder, 'open'));
    await chmod(join(folder, 'open'), 0o777);
    await expect(listen(join(folder, 'open', 'a.sock'))).rejects.toThrow('everybody may write into the folder');
    await chmod(join(folder, 'open'), 0o1777);
    await listen(join(folder, 'open', 'a.sock'));
  });

  test('a folder that is none', async () => {
    await writeFile(join(folder, 'file'), 'x');
    await expect(listen(join(folder, 'file', 'a.sock'))).rejects.toThrow(/EEXIST|ENOTDIR/);
  });
});
