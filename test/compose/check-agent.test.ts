import { X509Certificate } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAgent } from '../../src/compose/check-agent.ts';
import { configSchema } from '../../src/compose/config-schema.ts';
import type { AgentConfig } from '../../src/compose/config.ts';
import { Journey } from '../support/journey.ts';
import { eventually } from '../support/manual-time.ts';
import { Node } from '../support/node-journey.ts';

let journey: Journey;
let folder: string;

beforeAll(async () => {
  journey = await Journey.start();
});
afterAll(() => journey.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-check-agent-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const configOf = (agent: object): AgentConfig =>
  configSchema({ folder }).parse({
    trustDomain: 'example.org',
    agent: {
      server: journey.server.ready.api,
      stateDir: join(folder, 'state'),
      socket: join(folder, 'w.sock'),
      trust: { bundleFile: journey.server.ready.bundleFile },
      metrics: { port: 1 },
      ...agent,
    },
  }) as AgentConfig;

const tokenFile = async (): Promise<string> => {
  const file = join(folder, 'token');
  writeFileSync(file, await journey.joinToken({ agent: true }), { mode: 0o600 });
  return file;
};

/** What of `agent` is found wrong, and why. */
const wrongIn = async (agent: object): Promise<readonly string[]> =>
  (await checkAgent(configOf(agent))).filter(({ ok }) => !ok).map(({ what, detail }) => `${what}: ${detail}`);

test('a node that is prepared has nothing wrong, and nothing is made by looking', async () => {
  const config = configOf({ evidence: { joinTokenFile: await tokenFile() } });
  const findings = await checkAgent(config);
  expect(findings.filter(({ ok }) => !ok)).toEqual([]);
  expect(findings.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['state folder', 'trust', 'server', 'clock', 'evidence', 'socket', 'callers are held']),
  );
  expect(findings.find(({ what }) => what === 'state folder')?.detail).toContain('is not there yet');
});

test('an agent that runs is seen to, with the identity that it has', async () => {
  const node = new Node();
  await node.prepare({ server: journey.server, joinToken: (purpose) => journey.joinToken(purpose) });
  await node.start();
  const state = { stateDir: join(node.folder, 'state'), socket: join(node.folder, 'w.sock') };
  const running = await checkAgent(configOf(state));
  expect(running.find(({ what }) => what === 'state folder')?.detail).toContain('in use by an agent that is running');
  expect(running.find(({ what }) => what === 'socket')?.detail).toContain('an agent answers');
  // A join token is gone once it was shown, and trust that was learned needs no configuration.
  expect(running.filter(({ ok }) => !ok)).toEqual([]);
  expect(await wrongIn({ ...state, trust: {} })).toEqual([]);
  await node.agent.stop();
  const ended = await checkAgent(configOf(state));
  expect(ended.find(({ what }) => what === 'state folder')?.detail).toMatch(/\/mayfly\/agent\/.*, good until 20/);
  expect(ended.find(({ what }) => what === 'evidence')?.detail).toBe('not needed: there is an identity');
  await node.remove();
});

// What the agent learned counts, not what it began with; what it alone may look at is left to it.
test('an agent that runs is well after a change of root, though its pin is of the one that went', async () => {
  const own = await Journey.start();
  const node = new Node();
  try {
    const [root = ''] = own.roots();
    const trust = { rootSha256: new X509Certificate(root).fingerprint256 };
    await node.prepare({ server: own.server, joinToken: (purpose) => own.joinToken(purpose) }, { trust });
    await node.start();
    const { authorities } = await own.administer<{ authorities: { id: string; purpose: string; state: string }[] }>(
      'GET',
      '/v1/admin/authorities',
    );
    const active = authorities.find(({ purpose, state }) => purpose === 'x509-root' && state === 'active');
    await own.administer('POST', '/v1/admin/authorities', {
      kind: 'revoke',
      id: active?.id,
      confirm: true,
      force: true,
    });
    const stateDir = join(node.folder, 'state');
    const learned = (): string => readFileSync(join(stateDir, 'trust.json'), 'utf8');
    const lost = new X509Certificate(root).raw.toString('base64');
    await eventually(() => !learned().includes(lost));
    const server = own.server.ready.api;
    const findings = await checkAgent(configOf({ server, stateDir, socket: join(node.folder, 'w.sock'), trust }));
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.find(({ what }) => what === 'trust')?.detail).toBe('2 authorities');
    expect(findings.find(({ what }) => what === 'programs of callers')?.detail).toMatch(/^left to the agent/);
  } finally {
    await node.remove();
    await own.stop();
  }
});

test('an agent that runs and does not serve says why', async () => {
  const node = new Node();
  await node.prepare({ server: journey.server, joinToken: (purpose) => journey.joinToken(purpose) }, { evidence: {} });
  const { metrics } = await node.listen();
  const findings = await checkAgent(
    configOf({ stateDir: join(node.folder, 'state'), metrics: { port: Number(new URL(metrics).port) } }),
  );
  expect(findings.find(({ what }) => what === 'running agent')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^not ready; ./),
  });
  await node.remove();
});

// DEC-18: never "trust whoever answers"
test('a server under another root is wrong, whoever it says it is', async () => {
  const other = await Journey.start();
  const wrong = await wrongIn({
    trust: { bundleFile: other.server.ready.bundleFile },
    evidence: { joinTokenFile: await tokenFile() },
  });
  await other.stop();
  // Of the time nothing is known then.
  expect(wrong).toEqual([expect.stringMatching(/^server: /)]);
});

test.each([
  ['no key for the cache', { cacheKey: '/nowhere/cache.key' }, /^cache key: the cache key file .* does not exist/],
  ['no way to know the server', { trust: {} }, /^trust: nothing says which server to trust/],
  ['a fingerprint of nothing', { trust: { rootSha256: 'ab'.repeat(32) } }, /^trust: .*no root with the fingerprint/],
  [
    'no server',
    { server: 'https://127.0.0.1:1' },
    /^server: cannot reach the server at 127.0.0.1:1: nobody listens there/,
  ],
  ['no evidence', {}, /^evidence: nothing is configured/],
])('%s is said', async (_, agent, text) => {
  expect(await wrongIn(agent)).toEqual(expect.arrayContaining([expect.stringMatching(text)]));
});

// Beside a server, for example, whose folder of the admin socket is 0700.
test('a socket that nobody else can reach is said, whichever folder is closed', async () => {
  mkdirSync(join(folder, 'closed/deep'), { recursive: true });
  chmodSync(join(folder, 'closed'), 0o700);
  const evidence = { joinTokenFile: await tokenFile() };
  for (const socket of ['closed/w.sock', 'closed/deep/w.sock', 'closed/later/w.sock'].map((name) =>
    join(folder, name),
  )) {
    expect(await wrongIn({ socket, evidence })).toEqual([
      expect.stringContaining(
        `cannot enter ${join(folder, 'closed')}, which is closed to others: name a folder of its own in agent.socket, or chmod 0755 that one if nothing else needs`,
      ),
    ]);
  }
  chmodSync(join(folder, 'closed'), 0o750);
  expect(await wrongIn({ socket: join(folder, 'closed/w.sock'), evidence })).toEqual([]);
});

test('a state folder that others may open is said, and so is a token that others may read', async () => {
  mkdirSync(join(folder, 'state'), { mode: 0o755 });
  writeFileSync(join(folder, 'open'), 'token', { mode: 0o644 });
  const wrong = await wrongIn({ evidence: { joinTokenFile: join(folder, 'open') } });
  expect(wrong).toEqual([
    expect.stringMatching(/^state folder: .*chmod 0700/),
    expect.stringMatching(/^evidence: .*\/open/),
  ]);
});

/** Another user than root, whom no mode keeps out. */
const STRANGER = 54_321;
const isRoot = process.getuid?.() === 0;

test('a state folder that its user cannot write to is said, to root too', async () => {
  const state = join(folder, 'state');
  mkdirSync(state, { mode: 0o500 });
  if (isRoot) for (const each of [folder, state]) chownSync(each, STRANGER, STRANGER);
  const said = isRoot
    ? `cannot be written to by its owner, user ${STRANGER}: chmod u+rwx it`
    : 'cannot be written to (EACCES)';
  expect(await wrongIn({ evidence: { joinTokenFile: await tokenFile() } })).toEqual([
    `state folder: the state folder ${state} ${said}`,
  ]);
});

test('a folder in which the agent cannot make its socket is said, to root too', async () => {
  const state = join(folder, 'state');
  const sockets = join(folder, 'sockets');
  mkdirSync(state, { mode: 0o700 });
  mkdirSync(sockets);
  if (isRoot) chownSync(state, STRANGER, STRANGER);
  else chmodSync(sockets, 0o555);
  const said = isRoot
    ? `belongs to user 0, and user ${STRANGER} cannot write to it: chown it`
    : 'cannot be written to (EACCES)';
  const agent = { socket: join(sockets, 'w.sock'), evidence: { joinTokenFile: await tokenFile() } };
  expect(await wrongIn(agent)).toEqual([`socket: the folder of the socket, ${sockets}, ${said}`]);
});
