import { hash, randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkDataDir } from '../../src/adapters/sqlite/check-ledger.ts';
import { ledgerFile, openForReading } from '../../src/adapters/sqlite/open.ts';
import { unpackText } from '../../src/adapters/sqlite/packed-text.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { csrOf, Journey, readLedger, recordedFacts } from '../support/journey.ts';
import { type DevChild, type ReadyLine, startDevChild } from '../support/journey-child.ts';
import type { Client } from '../support/journey-client.ts';
import { rawConnection } from '../support/raw-connection.ts';
import { newKey } from '../support/x509.ts';

/** What is left when a server ends under load: orderly by SIGTERM (DEC-37), or by SIGKILL (P1, P3, P4). */
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'mayfly-stop-'));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

interface Credential {
  readonly id: string;
  readonly index: number;
  /** SHA-256, hexadecimal, of the bytes that were signed. */
  readonly digest: string;
}

interface Item {
  readonly serial?: string;
  readonly jti?: string;
  readonly chain?: readonly string[];
  readonly token?: string;
  readonly ledger: { readonly index: number };
}

const signedBytes = ({ token, chain }: Item): Uint8Array =>
  token === undefined
    ? readCertificate(Buffer.from(chain?.[0] ?? '', 'base64')).tbs
    : Buffer.from(token.slice(0, token.lastIndexOf('.')));

const credentialOf = (item: Item): Credential => ({
  id: item.serial ?? item.jti ?? '',
  index: item.ledger.index,
  digest: hash('sha256', signedBytes(item), 'hex'),
});

/** Clients that ask without pause until the server is gone, and keep what they got. */
class Load {
  readonly held: Credential[] = [];
  readonly odd: string[] = [];
  answers = 0;
  #running: Promise<unknown> = Promise.resolve();
  readonly #csr = csrOf(newKey());

  start(journey: Journey, agent: Parameters<Journey['api']>[0], count: number): void {
    const clients = Array.from({ length: count }, () => journey.api(agent));
    this.#running = Promise.all(clients.map((client, at) => this.#ask(client, at)));
  }

  ended(): Promise<unknown> {
    return this.#running;
  }

  async #ask(client: Client, at: number): Promise<void> {
    for (let round = at; ; round += 1) {
      const isX509 = round % 3 === 0;
      const item = isX509 ? { csr: this.#csr, entryId: 'web' } : { audience: ['db'], entryId: 'web' };
      const path = isX509 ? '/v1/svids/x509' : '/v1/svids/jwt';
      const answer = await client.postJson(path, { items: [item, item] }).catch(() => undefined);
      if (answer === undefined) return;
      this.answers += 1;
      if (answer.status === 200) this.held.push(...(answer.json() as { items: Item[] }).items.map(credentialOf));
      else this.odd.push(`${answer.status} ${answer.text}`);
    }
  }
}

const until = async (isTrue: () => boolean): Promise<void> => {
  const end = Date.now() + 10_000;
  while (!isTrue()) {
    if (Date.now() > end) throw new Error('it does not come');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const start = async (...more: string[]): Promise<{ child: DevChild; journey: Journey }> => {
  const child = await startDevChild(['--data-dir', dataDir, ...more]);
  return { child, journey: Journey.around(child.line) };
};

const prepare = async (journey: Journey, name: string) => {
  const agent = await journey.attest({ agent: name });
  await journey.entry('web', { parentId: agent.spiffeId }).catch(() => undefined);
  return agent;
};

/** RFC 9162 §2.1.1, straight from its definition. */
const rootOf = (leaves: readonly Buffer[]): Buffer => {
  if (leaves.length === 0) return hash('sha256', '', 'buffer');
  const [only] = leaves;
  if (leaves.length === 1 && only) return hash('sha256', Buffer.concat([Buffer.of(0), only]), 'buffer');
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const halves = [rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split))];
  return hash('sha256', Buffer.concat([Buffer.of(1), ...halves]), 'buffer');
};

/** Everything that a stranger could check in the folder that is left. */
const expectSound = (held: readonly Credential[]): void => {
  const db = openForReading(ledgerFile(dataDir));
  const stored = db.prepare<[], Buffer>('SELECT leaf FROM log_entry ORDER BY idx').pluck().all();
  db.close();
  const leaves = stored.map((leaf) => Buffer.from(unpackText(leaf)));
  const head = readLedger(dataDir, ({ log }) => log.head());
  expect(head.size).toBe(leaves.length);
  expect(rootOf(leaves).toString('hex')).toBe(head.root); // P4, TL-9
  const facts = recordedFacts(dataDir);
  const issued = new Map<string, Credential>();
  for (const { fact, cursor } of facts) {
    if (fact?.kind !== 'issued') continue;
    expect(issued.has(fact.id)).toBe(false); // P3
    issued.set(fact.id, { id: fact.id, index: cursor.index, digest: fact.digest });
  }
  expect(held.filter(({ id }) => !issued.has(id))).toEqual([]); // P1
  expect(held.map(({ id }) => issued.get(id))).toEqual(held); // DEC-3
  expect(checkDataDir(dataDir)).toMatchObject({ problems: [], credentials: issued.size });
};

test('the ready line is the only line on stdout, and names every address', async () => {
  const { child, journey } = await start();
  const { line } = child;
  const members: (keyof ReadyLine)[] = [
    'ready',
    'trustDomain',
    'api',
    'public',
    'adminSocket',
    'workloadSocket',
    'bundleFile',
    'dataDir',
    'pid',
    'agent',
  ];
  expect(Object.keys(line)).toEqual(members); // DEC-33
  expect(line).toMatchObject({ ready: true, trustDomain: 'example.org', dataDir });
  const isHere = process.platform === 'linux';
  expect(line.workloadSocket).toEqual(isHere ? expect.stringMatching(/\.sock$/) : null);
  expect(line.agent).toEqual(isHere ? 'spiffe://example.org/mayfly/agent/join_token/dev' : null);
  expect([line.api, line.public].every((url) => /^https:\/\/127\.0\.0\.1:\d+$/.test(url))).toBe(true);
  expect((await journey.api().ask('/readyz')).json()).toMatchObject({ ready: true });
  expect(readFileSync(line.bundleFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  expect(await child.end('SIGTERM')).toMatchObject({ code: 0, signal: null });
  expect(child.stdout().trimEnd().split('\n')).toHaveLength(1);
});

test.each(['1', '2'])(
  'SIGTERM with 32 clients in flight and %s front ends',
  async (frontEnds) => {
    const { child, journey } = await start('--front-ends', frontEnds);
    const agent = await prepare(journey, 'node');
    const load = new Load();
    load.start(journey, agent, 32);
    await until(() => load.answers > 100);
    const end = await child.end('SIGTERM');
    await load.ended();
    expect(end).toMatchObject({ code: 0, signal: null });
    expect(end.tookMs).toBeLessThan(2000); // DEC-37
    expect(load.odd).toEqual([]);
    expectSound(load.held);
    expect(recordedFacts(dataDir).at(-1)?.kind).toBe('server-stopped');
  },
  20_000,
);

test('peers that hold a connection and say nothing more do not hold the end', async () => {
  const { child, journey } = await start();
  const agent = await prepare(journey, 'node');
  const open = (first: string) => rawConnection(child.line.api, agent, first);
  const half =
    'POST /v1/svids/jwt HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{';
  const sockets = [await open(''), await open('GET /livez HT'), await open(half)];
  // A whole answer says that what was sent on the other connections has come in as well.
  expect((await journey.api(agent).ask('/livez')).status).toBe(200);
  const end = await child.end('SIGTERM');
  for (const socket of sockets) socket.destroy();
  expect(end).toMatchObject({ code: 0, signal: null });
  expect(end.tookMs).toBeLessThan(2500); // DEC-37: what was accepted has 2 s
  expectSound([]);
}, 20_000);

test('a folder has one server at a time', async () => {
  const { child } = await start();
  await expect(startDevChild(['--data-dir', dataDir])).rejects.toThrow('the server does not start');
  expect(await child.end('SIGTERM')).toMatchObject({ code: 0 });
});

test('SIGKILL under load, again and again on one folder: what anyone holds is on record, and the log goes on', async () => {
  const held: Credential[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { child, journey } = await start('--front-ends', String(1 + (round % 2)));
    const agent = await prepare(journey, `node-${round}`);
    await journey.entry(`web-${round}`, { parentId: agent.spiffeId });
    await journey.administer('PUT', '/v1/admin/entries/web', {
      spiffeId: 'spiffe://example.org/web',
      parentId: agent.spiffeId,
      selectors: ['test:1'],
    });
    const load = new Load();
    load.start(journey, agent, 16);
    await until(() => load.answers > 20 + randomInt(60));
    expect((await child.end('SIGKILL')).signal).toBe('SIGKILL');
    await load.ended();
    held.push(...load.held);
    expectSound(held);
  }
  const { child, journey } = await start();
  expect((await journey.api().ask('/readyz')).status).toBe(200);
  await journey.attest({ agent: 'last' });
  expect(await child.end('SIGINT')).toMatchObject({ code: 0 });
  expectSound(held);
  const starts = recordedFacts(dataDir).filter(({ kind }) => kind === 'server-started');
  expect(starts).toHaveLength(4);
}, 30_000);
