import type { IncomingMessage, RequestOptions } from 'node:http';
import { z } from 'zod';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import { ServerAddresses } from '../adapters/http-client/verified-connection.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { PROGRAMS, processSight, programSight } from '../adapters/system/process-sight.ts';
import { systemTimers } from '../adapters/system/timers.ts';
import { checkEngine, checkKubelet } from '../adapters/workload-attestors/checks.ts';
import { ServerTrust } from '../agent/server-trust.ts';
import { parseJson } from '../formats/json.ts';
import { evidenceOf } from './agent-evidence.ts';
import { trustAnchor } from './agent-trust.ts';
import { checkSocket } from './check-agent-socket.ts';
import { IN_USE, type SeenAgent, seeState } from './check-agent-state.ts';
import type { AgentConfig } from './config.ts';
import { type Finding, look, wrong } from './finding.ts';
import { kubeletOf } from './workload-attestors.ts';

/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** Certificates of seconds ago are not valid yet to a clock that is further behind. */
const MAX_CLOCK_SECONDS = 10;
const ANSWER_MS = 5_000;
const MAX_BODY_BYTES = 64 * 1024;

interface Readiness {
  readonly statusCode: number | undefined;
  readonly date: string | undefined;
  readonly body: string;
}

const readBody = async (answer: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

const get = async (options: RequestOptions): Promise<Readiness> => {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest({ ...options, path: '/readyz', timeout: ANSWER_MS });
  request.once('timeout', () => request.destroy(new Error('no answer in time')));
  request.once('error', reject);
  request.once('response', resolve);
  request.end();
  const answer = await promise;
  return { statusCode: answer.statusCode, date: answer.headers.date, body: await readBody(answer) };
};

/** Whether the server proves itself, and what it says of the time: both from one verified connection. */
const checkServer = async (
  config: AgentConfig,
  urls: readonly URL[],
  trust: ServerTrust,
): Promise<readonly Finding[]> => {
  let date: string | undefined;
  const server = await look('server', async () => {
    await trust.ready();
    const addresses = new ServerAddresses(urls);
    const connection = await addresses.open({
      trustDomain: config.trustDomain,
      trust: () => trust.roots(),
      clock: systemClock,
      delays: systemTimers,
    });
    try {
      const answer = await get({ createConnection: () => connection, headers: { host: addresses.host } });
      date = answer.date;
      if (answer.statusCode !== 200) return wrong(`${addresses.host} is the server, and it is not ready`);
      return `${addresses.host} is spiffe://${config.trustDomain}/mayfly/server, and ready`;
    } finally {
      connection.destroy();
    }
  });
  const clock = await look('clock', () => {
    if (date === undefined) return wrong('the server did not say what time it is');
    const seconds = Math.round((systemClock.now() - Date.parse(date)) / 1000);
    const text = `${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} the server`;
    return Math.abs(seconds) > MAX_CLOCK_SECONDS ? wrong(`${text}: set it right`) : text;
  });
  // Who was not reached said nothing of the time.
  return date === undefined && !server.ok ? [server] : [server, clock];
};

const checkTrust = async (trust: ServerTrust): Promise<string> => {
  await trust.ready();
  const count = trust.roots().length;
  return `${count} ${count === 1 ? 'authority' : 'authorities'}`;
};

const checkEvidence = async (
  config: AgentConfig,
  { state, isInUse }: Pick<SeenAgent, 'state' | 'isInUse'>,
): Promise<string> => {
  if (state.svid() !== undefined) return 'not needed: there is an identity';
  // It may have shown what is spent and gone by now.
  if (isInUse) return IN_USE;
  const source = evidenceOf(config);
  if (source === undefined) return wrong('nothing is configured to get an identity with: see agent.evidence');
  await source.collect(new Uint8Array(32));
  return `${source.type}, readable; whether the server takes it is found out at the start`;
};

const checkAttestors = ({ agent: { attestors } }: AgentConfig): readonly Promise<Finding>[] => {
  const { docker, k8s } = attestors;
  return [
    ...(docker ? [look('docker', () => checkEngine(docker.socket))] : []),
    ...(k8s ? [look('kubelet', () => checkKubelet(kubeletOf(k8s)))] : []),
  ];
};

const Reasons = z.object({ reasons: z.array(z.string()) });

/** Nothing when it is another program that has the port. */
const reasonsIn = (body: string): readonly string[] => {
  try {
    return Reasons.parse(parseJson(body)).reasons;
  } catch {
    return [];
  }
};

/** The agent that runs says itself how it is. */
const checkRunning = async ({ agent: { metrics } }: AgentConfig): Promise<readonly Finding[]> => {
  try {
    const { statusCode, body } = await get({ host: metrics.address, port: metrics.port });
    const ok = statusCode === 200;
    return [{ what: 'running agent', ok, detail: ok ? 'ready' : ['not ready', ...reasonsIn(body)].join('; ') }];
  } catch {
    return [];
  }
};

/** Looks at all that a node needs, and goes on after what is wrong, so that one screen says everything. An agent may be running. */
export const checkAgent = async (config: AgentConfig): Promise<readonly Finding[]> => {
  const urls = config.agent.server.map((url) => new URL(url));
  const seen = await seeState(config);
  const { agent, trustDomain } = config;
  const mayBeLearned = agent.trust.bundleFile === undefined && agent.trust.rootSha256 === undefined;
  let known: readonly Finding[] = [];
  const trust = await look('trust', async () => {
    if (seen.isInUse && mayBeLearned && seen.state.trust() === undefined) return IN_USE;
    const anchor = trustAnchor(config, urls, systemTimers);
    const held = new ServerTrust({ trustDomain, state: { ...seen.state, saveTrust: () => undefined }, anchor });
    const found = await checkTrust(held);
    known = await checkServer(config, urls, held);
    return found;
  });
  const { cacheKey } = agent;
  return [
    seen.finding,
    trust,
    ...known,
    await look('evidence', () => checkEvidence(config, seen)),
    await look('socket', () => checkSocket(agent.socket, seen.user)),
    ...(cacheKey === undefined
      ? []
      : [
          await look('cache key', () => {
            readSealKey(cacheKey, { what: 'cache key', credentials: config.credentials }).fill(0);
            return cacheKey;
          }),
        ]),
    ...processSight(),
    // Its service may give it rights that nobody has who only looks.
    seen.isInUse ? { what: PROGRAMS, ok: true, detail: IN_USE } : programSight(),
    ...(await Promise.all(checkAttestors(config))),
    ...(await checkRunning(config)),
  ];
};
