import { join } from 'node:path';
import { Agent as TlsAgent, request } from 'node:https';
import type { Socket } from 'node:net';
import { csrOf, type JwtAnswer, type X509Answer } from '../../../scripts/crash/credentials.ts';
import { Population } from '../../../scripts/crash/population.ts';
import { newKey } from '../../support/x509.ts';
import { check, pidOf, report, settle, start, trace, type World } from './harness.ts';
import { type SystemCall, systemCalls } from './system-calls.ts';

const CONNECTIONS = 8;
const REQUESTS = 12;

/** What a connection was answered, in order: the serial or `jti` of each credential. */
interface Connection {
  readonly port: number;
  readonly ids: readonly string[];
}

const post = (agent: TlsAgent, url: string, path: string, body: object): Promise<{ port: number; text: string }> =>
  new Promise((resolve, reject) => {
    let port = 0;
    const outgoing = request(`${url}${path}`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json' },
    });
    outgoing.once('socket', (socket: Socket) => {
      port = socket.localPort ?? 0;
      if (port === 0) socket.once('connect', () => (port = socket.localPort ?? 0));
    });
    outgoing.once('error', reject);
    outgoing.once('response', async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ port, text: Buffer.concat(chunks).toString() });
    });
    outgoing.end(JSON.stringify(body));
  });

/** X.509-SVIDs and JWT-SVIDs in turn. */
const askFor = (nth: number, { entry }: World): [string, object] =>
  nth % 2 === 0
    ? ['/v1/svids/x509', { items: [{ csr: csrOf(newKey()), entryId: entry.id }] }]
    : ['/v1/svids/jwt', { items: [{ audience: ['spiffe://example.org/peer'], entryId: entry.id }] }];

const idOf = (text: string): string => {
  const [item] = (JSON.parse(text) as { items: (Partial<X509Answer> & Partial<JwtAnswer>)[] }).items;
  const id = item?.serial ?? item?.jti;
  if (id === undefined) throw new Error(text);
  return id;
};

const connect = async (world: World, url: string) => {
  const { cert, keyPem } = world.agent;
  const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, cert, key: keyPem });
  // The handshake is over before anyone looks.
  const { port } = await post(agent, url, ...askFor(0, world));
  return {
    close: () => agent.destroy(),
    work: async (): Promise<Connection> => {
      const ids: string[] = [];
      for (let nth = 0; nth < REQUESTS; nth += 1) ids.push(idOf((await post(agent, url, ...askFor(nth, world))).text));
      return { port, ids };
    },
  };
};

const isOn = (port: number) => (call: SystemCall) => call.text.includes(`->127.0.0.1:${port}]`);
const READS = new Set(['read', 'recvmsg', 'recvfrom']);

/** Where the server began to write each of its answers on a connection: the first write after a read. */
const answersOn = (calls: readonly SystemCall[], port: number): readonly number[] => {
  const starts: number[] = [];
  let asked = true;
  for (const call of calls.filter(isOn(port)).sort((left, right) => left.from - right.from)) {
    if (READS.has(call.name)) asked ||= call.result > 0;
    else if (asked) {
      starts.push(call.from);
      asked = false;
    }
  }
  return starts;
};

interface Storage {
  readonly writes: readonly SystemCall[];
  readonly syncs: readonly SystemCall[];
}

const storageOf = (calls: readonly SystemCall[]): Storage => {
  const onLog = calls.filter(({ text }) => /^\w+\(\d+<[^>]*ledger\.db-wal>/.test(text));
  return {
    writes: onLog.filter(({ name }) => name === 'pwrite64' || name === 'write'),
    syncs: onLog.filter(({ name, result }) => (name === 'fsync' || name === 'fdatasync') && result === 0),
  };
};

/** The octets of an id as strace shows them with `-x`: the entry of a credential holds them, and nothing else in its text. */
const shown = (id: string): string => id.replaceAll(/../g, String.raw`\x$&`);

/** Why a credential may have left before it was on disk; undefined when it did not. */
const orderProblem = ({ writes, syncs }: Storage, id: string, answered: number | undefined): string | undefined => {
  const written = writes.find(({ text }) => text.includes(shown(id)));
  if (!written) return 'its entry was never written';
  const durable = syncs.find(({ from }) => from > written.to);
  if (!durable) return 'its entry was never made durable';
  if (answered === undefined) return 'its answer was not seen';
  return durable.to < answered ? undefined : `answered at ${answered}, durable at ${durable.to}`;
};

const problemsIn = (log: string, connections: readonly Connection[]): readonly string[] => {
  const calls = systemCalls(log);
  const storage = storageOf(calls);
  return connections.flatMap(({ port, ids }) => {
    const answers = answersOn(calls, port);
    return ids.flatMap((id, nth) => {
      const problem = orderProblem(storage, id, answers.at(nth - ids.length));
      return problem === undefined ? [] : [`${id}: ${problem}`];
    });
  });
};

const CALLS = 'trace=read,recvmsg,recvfrom,write,writev,sendmsg,sendto,pwrite64,fsync,fdatasync';
/** A page of the write-ahead log, written out. */
const TEXT = '20000';

/** P1: no octet of a credential reaches a socket before the fsync of its batch has returned. */
export const recordedBeforeAnswered = async (folder: string): Promise<void> => {
  const dataDir = join(folder, 'data');
  const all = new Population(join(folder, 'held.ndjson'));
  const server = await start(dataDir);
  all.begin(server.life);
  const world = await settle(all, dataDir);
  const opened = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(world, server.life.api)));
  const seen = await trace(pidOf(server.life), ['-f', '-yy', '-x', '-s', TEXT, '-e', CALLS]);
  const connections = await Promise.all(opened.map(({ work }) => work()));
  const log = await seen.end();
  for (const { close } of opened) close();
  all.lives.end();
  server.kill('SIGTERM');
  await server.ended;

  const problems = problemsIn(log, connections);
  const syncs = storageOf(systemCalls(log)).syncs.length;
  const count = CONNECTIONS * REQUESTS;
  for (const { ids } of connections) {
    for (const id of ids)
      report(
        `credential ${id}`,
        problems.find((problem) => problem.startsWith(id)),
      );
  }
  check('several share an fsync', syncs < count, `${syncs} for ${count}`);
  console.error(`strace: ${count} credentials of ${CONNECTIONS} connections behind ${syncs} fsyncs`);

  const without = log.replaceAll(/^.*\bfsync\b.*$/gm, '');
  check('a trace without fsync is noticed', problemsIn(without, connections).length === count);
  const late = `${log
    .split('\n')
    .filter((line) => !/\bfsync\b/.test(line))
    .join('\n')}\n${log
    .split('\n')
    .filter((line) => /\bfsync\b/.test(line))
    .join('\n')}`;
  check('a trace with fsync after the answers is noticed', problemsIn(late, connections).length === count);
};
