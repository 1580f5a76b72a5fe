import { once } from 'node:events';
import { writeFileSync, rmSync, mkdtempSync } from 'node:fs';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createHttpsServer,
  exactly,
  fetchX509Bundles,
  JwtSource,
  peerOf,
  validateJwtSvid,
  WorkloadAgent,
  X509Source,
} from '../../src/workload/index.ts';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

// The client and the verbs that use it against the agent of `mayfly dev`: nothing of either side is a stand-in.

const ID = 'spiffe://example.org/client';
const MAYFLY = join(ROOT, 'bin', 'mayfly.js');
const mayfly = (...args: string[]) => runCommand(process.execPath, [MAYFLY, ...args]);

interface Ready {
  readonly adminSocket: string;
  readonly workloadSocket: string;
  readonly agent: string;
}

const withDev = async (story: (ready: Ready) => Promise<void>): Promise<void> => {
  const told: Promise<void>[] = [];
  const { code } = await runCommand(process.execPath, [MAYFLY, 'dev', '--json'], {
    onLine: (line, child) => {
      const work = story(JSON.parse(line) as Ready);
      told.push(work.finally(() => child.kill('SIGTERM')));
    },
  });
  await Promise.all(told);
  expect(code).toBe(0);
  expect(told).toHaveLength(1);
};

const register = async ({ adminSocket, agent }: Ready): Promise<void> => {
  const entry = [
    '--id',
    'client',
    '--spiffe-id',
    ID,
    '--parent',
    agent,
    '--selector',
    `unix:uid:${process.getuid?.()}`,
  ];
  const created = await mayfly('entry', 'create', '--socket', adminSocket, ...entry);
  expect(created).toMatchObject({ code: 0 });
};

const talk = async (source: X509Source): Promise<string> => {
  const policy = { source, authorize: exactly(ID) };
  const server = createHttpsServer(policy, {}, (incoming, outgoing) => outgoing.end(peerOf(incoming.socket)?.spiffeId));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const outgoing = request({ host: '127.0.0.1', port, agent: new WorkloadAgent(policy) });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const chunk of incoming) text += chunk.toString();
  server.close();
  return text;
};

test('an identity comes, is used, changes and goes', async () => {
  await withDev(async (ready) => {
    const address = `unix:${ready.workloadSocket}`;
    const problems: string[] = [];
    const waiting = X509Source.create({ address, onProblem: ({ code }) => problems.push(code) });
    await register(ready);
    const source = await waiting;
    try {
      // Asked before there was one, the agent says so (WLE-12).
      expect(problems.filter((code) => code !== 'no_identity' && code !== 'unavailable')).toEqual([]);
      expect(source.svid().spiffeId).toBe(ID);
      expect(await talk(source)).toBe(ID);
      const updated = once(source, 'update');
      const changed = await mayfly('entry', 'update', 'client', '--hint', 'main', '--socket', ready.adminSocket);
      expect(changed).toMatchObject({ code: 0 });
      await updated;
      expect(source.svid().hint).toBe('main');
      expect(await talk(source)).toBe(ID);
      const withdrawn = once(source, 'withdrawn');
      expect(await mayfly('entry', 'delete', 'client', '--yes', '--socket', ready.adminSocket)).toMatchObject({
        code: 0,
      });
      await withdrawn;
      expect(source.svids()).toEqual([]);
    } finally {
      await source.close();
    }
  });
});

test('tokens and bundles, from the library and from the command line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-token-'));
  await withDev(async (ready) => {
    const address = `unix:${ready.workloadSocket}`;
    const socket = ['--socket', ready.workloadSocket];
    await register(ready);
    await (await X509Source.create({ address })).close();
    const source = await JwtSource.create({ address });
    try {
      const { token, spiffeId } = await source.svid({ audience: 'orders' });
      expect(spiffeId).toBe(ID);
      expect(source.validate(token, { audience: 'orders' }).spiffeId).toBe(ID);
      expect(() => source.validate(token, { audience: 'billing' })).toThrow('audience');
      const valid = await validateJwtSvid({ address, token, audience: 'orders' });
      expect(valid).toMatchObject({ spiffeId: ID, claims: { sub: ID, aud: ['orders'] } });
      await expect(validateJwtSvid({ address, token, audience: 'billing' })).rejects.toMatchObject({
        code: 'invalid_token',
      });
      expect([...(await fetchX509Bundles({ address })).keys()]).toEqual(['example.org']);
    } finally {
      await source.close();
    }

    const { stdout } = await mayfly('fetch', 'jwt', '--audience', 'orders', ...socket);
    const file = join(folder, 'token');
    writeFileSync(file, stdout);
    const validate = (audience: string) =>
      mayfly('validate', 'jwt', file, '--audience', audience, '--workload-socket', ready.workloadSocket);
    expect([(await validate('orders')).code, (await validate('billing')).code]).toEqual([0, 1]);
    const shown = await mayfly('fetch', 'x509', '--json', ...socket);
    expect(JSON.parse(shown.stdout)).toMatchObject({ svids: [{ spiffeId: ID }] });
    const bundles = await mayfly('fetch', 'bundle', '--json', ...socket);
    const { jwt } =
      (JSON.parse(bundles.stdout) as { bundles: Record<string, { jwt: { keys: object[] } }> }).bundles['example.org'] ??
      {};
    expect(jwt?.keys.length).toBeGreaterThan(0);
  });
  rmSync(folder, { recursive: true });
});
