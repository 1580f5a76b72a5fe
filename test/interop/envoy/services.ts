import { copyFileSync, linkSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csrOf, heldFrom, type Held, Journey } from '../../support/journey.ts';
import { newKey } from '../../support/x509.ts';
import { startAgent } from './agent.ts';

/** A service, by the Envoy in front of it. */
export interface Service {
  readonly spiffeId: string;
  /** A program of its own: by its path the agent knows which service is calling. */
  readonly envoy: string;
}

/** A server, an agent, and two services that it knows apart. */
export interface Services {
  readonly folder: string;
  readonly agentSocket: string;
  readonly frontend: Service;
  readonly backend: Service;
  /** An X.509-SVID of the frontend, for a client that is no Envoy. */
  readonly frontendSvid: Held;
  /** What the agent has to say of Envoys that refused what they were sent. */
  refusals(): readonly string[];
  /** Ends the certificates of both services, so that they get new ones. */
  rotate(): Promise<void>;
  /** Lets the next root sign. */
  changeRoot(): Promise<void>;
  restartAgent(): Promise<void>;
  /** Gives the frontend's Envoy one more identity. */
  addIdentity(name: string): Promise<void>;
  /** Takes an identity away, by its entry. */
  withdraw(name: string): Promise<void>;
}

interface Authority {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
}

const AGENT = 'spiffe://example.org/mayfly/agent/join_token/node';

const ownProgram = (envoy: string, place: string): string => {
  try {
    linkSync(envoy, place);
  } catch {
    // On another file system, or somebody else's.
    copyFileSync(envoy, place);
  }
  return place;
};

const addEntry = async (journey: Journey, name: string, program: string): Promise<void> => {
  const selectors = [`unix:uid:${process.getuid?.() ?? 0}`, `unix:path:${program}`];
  await journey.entry(name, { parentId: AGENT, selectors });
};

const writeAgentConfig = async (journey: Journey, folder: string): Promise<{ file: string; socket: string }> => {
  const [file, socket, token] = ['agent.yaml', 'agent.sock', 'join-token'].map((name) => join(folder, name));
  if (file === undefined || socket === undefined || token === undefined)
    throw new Error('three names give three paths');
  writeFileSync(token, await journey.joinToken({ agent: 'node' }), { mode: 0o600 });
  const agent = {
    server: journey.server.ready.api,
    stateDir: join(folder, 'agent'),
    socket,
    trust: { bundleFile: journey.server.ready.bundleFile },
    evidence: { joinTokenFile: token },
    metrics: { port: 0 },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ trustDomain: 'example.org', agent }));
  return { file, socket };
};

/** From another node, with a key that is ours. */
const svidElsewhere = async (journey: Journey, spiffeId: string): Promise<Held> => {
  const node = await journey.attest({ agent: 'elsewhere' });
  await journey.entry('elsewhere', { spiffeId, parentId: node.spiffeId });
  const key = newKey();
  const items = [{ csr: csrOf(key), entryId: 'elsewhere' }];
  const answer = await journey.api(node).postJson('/v1/svids/x509', { items });
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

const activateNextRoot = async (journey: Journey): Promise<void> => {
  const { authorities } = await journey.administer<{ authorities: Authority[] }>('GET', '/v1/admin/authorities');
  const next = authorities.find(({ purpose, state }) => purpose === 'x509-root' && state === 'prepared');
  const change = { kind: 'activate', id: next?.id, confirm: true, force: true };
  await journey.administer('POST', '/v1/admin/authorities', change);
};

/** Runs `story` with everything in place, and clears up behind it. */
export const withServices = async (envoy: string, story: (services: Services) => Promise<void>): Promise<void> => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mayfly-envoy-')));
  const journey = await Journey.start();
  try {
    const serviceOf = (name: string): Service => ({
      spiffeId: `spiffe://example.org/${name}`,
      envoy: ownProgram(envoy, join(folder, `envoy-${name}`)),
    });
    const [frontend, backend] = [serviceOf('frontend'), serviceOf('backend')];
    await addEntry(journey, 'frontend', frontend.envoy);
    await addEntry(journey, 'backend', backend.envoy);
    const { file, socket } = await writeAgentConfig(journey, folder);
    let agent = await startAgent(file);
    const lines: string[] = [];
    const stopAgent = async (): Promise<void> => {
      await agent.stop();
      lines.push(...agent.log);
    };
    try {
      await story({
        folder,
        agentSocket: socket,
        frontend,
        backend,
        frontendSvid: await svidElsewhere(journey, frontend.spiffeId),
        refusals: () => [...lines, ...agent.log].filter((line) => line.includes('refused its secrets')),
        rotate: async () => {
          for (const { spiffeId: value } of [frontend, backend]) {
            await journey.revoke({ kind: 'identity', value }, { mode: 'reissue' });
          }
        },
        changeRoot: () => activateNextRoot(journey),
        restartAgent: async () => {
          await stopAgent();
          agent = await startAgent(file);
        },
        addIdentity: (name) => addEntry(journey, name, frontend.envoy),
        withdraw: async (name) => void (await journey.administer('DELETE', `/v1/admin/entries/${name}`)),
      });
    } finally {
      await stopAgent();
    }
  } finally {
    await journey.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
