import { join } from 'node:path';
import { Agent as TlsAgent, request } from 'node:https';
import type { Socket } from 'node:net';
import {
  csrOf,
  heldToken,
  type JwtAnswer,
  type Svid,
  svidOf,
  type X509Answer,
} from '../../../scripts/crash/credentials.ts';
import { Population, RESOURCE } from '../../../scripts/crash/population.ts';
import { newKey } from '../../support/x509.ts';
import { check, pidOf, report, settle, start, trace, type World } from './harness.ts';
import { type SystemCall, systemCalls } from './system-calls.ts';

const CONNECTIONS = 8;
const REQUESTS = 12;
/** Which of an agent's requests is for somebody new: few may attest from one address in a second (DEC-21). */
const NEWCOMER = 3;

/** What a connection was answered, in order: the serial or `jti` of each credential. */
interface Connection {
  readonly port: number;
  readonly ids: readonly string[];
}

interface Asked {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

const post = (agent: TlsAgent, url: string, { path, type, body }: Asked): Promise<{ port: number; text: string }> =>
  new Promise((resolve, reject) => {
    let port = 0;
    const outgoing = request(`${url}${path}`, {
      method: 'POST',
      agent,
      headers: { 'content-type': type },
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
    outgoing.end(body);
  });

/** What a client asks for, one request after another. */
type Asking = (nth: number) => Promise<Asked> | Asked;

const json = (path: string, body: object): Asked => ({ path, type: 'application/json', body: JSON.stringify(body) });

/** An agent's requests: X.509-SVIDs and JWT-SVIDs in turn, and once an identity for a newcomer. */
const byAgent =
  ({ all, entry }: World): Asking =>
  async (nth) => {
    const csr = csrOf(newKey());
    if (nth !== NEWCOMER) {
      return nth % 2 === 0
        ? json('/v1/svids/x509', { items: [{ csr, entryId: entry.id }] })
        : json('/v1/svids/jwt', { items: [{ audience: ['spiffe://example.org/peer'], entryId: entry.id }] });
    }
    const { body } = await all.lives.administer('POST', '/v1/admin/join-tokens', { agent: all.name('newcomer') });
    const { token } = body as { token?: string };
    return json('/v1/attest', { type: 'join_token', evidence: { token }, csr });
  };

const byWorkload =
  ({ spiffeId }: Svid): Asking =>
  () => ({
    path: '/oauth2/token',
    type: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: spiffeId,
      resource: RESOURCE,
    }).toString(),
  });

interface Answer extends Partial<X509Answer>, Partial<JwtAnswer> {
  readonly access_token?: string;
  readonly items?: readonly (Partial<X509Answer> & Partial<JwtAnswer>)[];
}

const idOf = (text: string): string => {
  const answer = JSON.parse(text) as Answer;
  if (answer.access_token !== undefined) {
    const held = heldToken(answer.access_token);
    return held.held === 'credential' ? held.id : '';
  }
  const { serial, jti } = answer.items?.[0] ?? answer;
  const id = serial ?? jti;
  if (id === undefined) throw new Error(text);
  return id;
};

/** A workload's SVID, which its agent got for it. */
const workloadOf = async ({ all, agent, entry }: World): Promise<Svid> => {
  const key = newKey();
  const items = [{ csr: csrOf(key), entryId: entry.id }];
  const answer = await all.lives.api(agent).postJson('/v1/svids/x509', { items });
  const [svid] = (answer.json() as { items?: X509Answer[] }).items ?? [];
  if (!svid) throw new Error(answer.text);
  return svidOf(svid, key);
};

const connect = async ({ cert, keyPem }: Svid, url: string, asking: Asking) => {
  const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, cert, key: keyPem });
  // The handshake is over before anyone looks.
  const { port } = await post(agent, url, await asking(0));
  return {
    close: () => agent.destroy(),
    work: async (): Promise<Connection> => {
      const ids: string[] = [];
      for (let nth = 0; nth < REQUESTS; nth += 1) ids.push(idOf((await post(agent, url, await asking(nth))).text));
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
  const workload = await workloadOf(world);
  const opened = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, at) =>
      at % 4 === 3
        ? connect(workload, server.life.api, byWorkload(workload))
        : connect(world.agent, server.life.api, byAgent(world)),
    ),
  );
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
