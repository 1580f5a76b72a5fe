import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalPeers, openAdminListener } from '../../../src/adapters/http/admin-listener.ts';
import type { ReadPeerUid } from '../../../src/adapters/http/admin-listener.ts';
import { adminOfRequest } from '../../../src/adapters/http/routes/administering.ts';
import { buildApp } from '../../../src/adapters/http/app.ts';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import { peerCredentials } from '../../../src/adapters/system/peer-credentials.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { ask, keepingLogger, testServices } from '../../support/http.ts';

const ownUid = process.getuid?.() ?? -1;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mayfly-admin-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const whoami = defineRoute({
  method: 'GET',
  path: '/whoami',
  listeners: ['admin'],
  summary: 'who asks',
  access: { kind: 'admin', role: 'owner' },
  answers: [],
  refusals: [],
  handle: (context) => ({ body: { ...adminOfRequest(context), source: context.source } }),
});

const open = (path: string, readUid: ReadPeerUid = peerCredentials, uid = ownUid) => {
  const logger = keepingLogger();
  const peers = new LocalPeers(readUid, uid, logger);
  const app = buildApp([whoami], 'admin', testServices(), peers.peerOf).listener;
  return openAdminListener({ path, app, peers, ownUid, delays: systemTimers });
};

describe('the admin socket', () => {
  test('makes its own user an owner, by what the kernel says', async () => {
    // DEC-28
    const path = join(folder, 'run', 'admin.sock');
    const server = await open(path);
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o700);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await ask({ socketPath: path, path: '/whoami' })).json()).toEqual({
      name: `uid:${ownUid}`,
      role: 'owner',
      source: `uid:${ownUid}`,
    });
    await server.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('lets root in, and nobody else', async () => {
    const path = join(folder, 'admin.sock');
    const root = await open(path, () => ({ uid: 0 }), 4242);
    expect((await ask({ socketPath: path, path: '/whoami' })).json()['name']).toBe('uid:0');
    await root.close();
    const unreadable = () => {
      throw new Error('the kernel does not tell');
    };
    for (const readUid of [() => ({ uid: 4243 }), () => ({ uid: -1 }), unreadable]) {
      const server = await open(path, readUid, 4242);
      await expect(ask({ socketPath: path, path: '/whoami' })).rejects.toThrow(/hang up|ECONNRESET|EPIPE/);
      await server.close();
    }
  });

  test('replaces a socket that was left behind, and nothing that is in use', async () => {
    const path = join(folder, 'admin.sock');
    const first = await open(path);
    await expect(open(path)).rejects.toThrow('another server answers');
    await first.close();
    const stale = createServer();
    await new Promise<void>((resolve) => stale.listen(join(folder, 'other.sock'), resolve));
    const { rename } = await import('node:fs/promises');
    await rename(join(folder, 'other.sock'), path);
    await new Promise((resolve) => stale.close(resolve));
    const second = await open(path);
    expect((await ask({ socketPath: path, path: '/whoami' })).status).toBe(200);
    await second.close();
  });

  test('touches no other file, and no folder that others can enter', async () => {
    const path = join(folder, 'admin.sock');
    await writeFile(path, 'mine');
    await expect(open(path)).rejects.toThrow('not a socket');
    const shared = join(folder, 'shared');
    await mkdir(shared);
    await chmod(shared, 0o755);
    await expect(open(join(shared, 'admin.sock'))).rejects.toThrow('0700');
    expect((await stat(shared)).mode & 0o777).toBe(0o755);
  });
});
