import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecretService } from '../../../src/adapters/sds/secret-service.ts';
import { SECRET_NAMES } from '../../../src/adapters/sds/secrets.ts';
import { systemEntropy } from '../../../src/adapters/system/entropy.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { createWorkloadApi, type WorkloadApi } from '../../../src/adapters/workload-api/workload-api.ts';
import type { WorkloadState } from '../../../src/agent/workload-session.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import { parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { LogFields, Logger } from '../../../src/ports/logger.ts';
import { StandInSession } from '../../adapters/sds/secret-client.ts';
import { csrOf, heldFrom, type Held, Journey } from '../../support/journey.ts';
import type { Client } from '../../support/journey-client.ts';
import { newKey, TRUST_DOMAIN } from '../../support/x509.ts';

/** A service whose Envoy asks a socket for its identity. */
export interface Service {
  readonly spiffeId: string;
  readonly agentSocket: string;
}

/** Two services with identities of a real Mayfly. */
export interface Services {
  readonly folder: string;
  readonly frontend: Service;
  readonly backend: Service;
  /** What Envoys refused of what they were sent. */
  readonly refused: readonly string[];
  /** An X.509-SVID of the frontend, for a client that is no Envoy. */
  readonly frontendSvid: Held;
  /** Gives both services new certificates. */
  rotate(): Promise<void>;
  /** Lets the next root sign. */
  changeRoot(): Promise<void>;
  /** Stops what serves the sockets and starts it again. */
  restartAgent(): Promise<void>;
  /** Takes the frontend's identity away. */
  withdraw(): Promise<void>;
}

interface Authority {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
}

const obtain = async (agent: Client, entryId: string): Promise<Held> => {
  const key = newKey();
  const answer = await agent.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId }] });
  if (answer.status !== 200) throw new Error(answer.text);
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

/** Everything that the workload of an entry has now. */
const stateOf = async (journey: Journey, agent: Client, entryId: string): Promise<WorkloadState> => {
  const { spiffeId, chain, key, notAfter } = await obtain(agent, entryId);
  const pkcs8 = key.privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    svids: [{ spiffeId: parseSpiffeId(spiffeId), chain, key: pkcs8, notAfter }],
    bundle: { trustDomain: TRUST_DOMAIN, x509Authorities: journey.roots(), jwtKeySet: '{"keys":[]}' },
    federated: [],
  };
};

/** Serves one workload on a socket of its own, in place of an agent that tells workloads apart. */
const serve = async (agentSocket: string, session: StandInSession, logger: Logger): Promise<WorkloadApi> => {
  const api = createWorkloadApi({
    sessions: { open: () => session },
    peerUid: () => 0,
    entropy: systemEntropy(),
    delays: systemTimers,
    logger,
    services: [createSecretService({ names: SECRET_NAMES, validation: 'spiffe', logger })],
  });
  await api.listen(agentSocket);
  return api;
};

const keepingRefusals = (refused: string[]): Logger => {
  const silent = (): void => undefined;
  const logger: Logger = {
    debug: silent,
    info: silent,
    warn: (message: string, fields?: LogFields) => void refused.push(`${message}: ${String(fields?.['refusal'])}`),
    error: (message: string) => void refused.push(message),
    with: () => logger,
  };
  return logger;
};

export const withServices = async (story: (services: Services) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-envoy-'));
  const journey = await Journey.start();
  const refused: string[] = [];
  const logger = keepingRefusals(refused);
  try {
    const held = await journey.attest({ agent: 'node' });
    const agent = journey.api(held);
    const names = ['frontend', 'backend'] as const;
    for (const name of names) await journey.entry(name, { parentId: held.spiffeId });
    const sessions = { frontend: new StandInSession(), backend: new StandInSession() };
    const serviceOf = (name: (typeof names)[number]): Service => ({
      spiffeId: `spiffe://example.org/${name}`,
      agentSocket: join(folder, `${name}.agent.sock`),
    });
    const [frontend, backend] = [serviceOf('frontend'), serviceOf('backend')];
    const rotate = async (): Promise<void> => {
      for (const name of names) sessions[name].have(await stateOf(journey, agent, name));
    };
    const listen = (): Promise<WorkloadApi[]> =>
      Promise.all(names.map((name) => serve(serviceOf(name).agentSocket, sessions[name], logger)));
    await rotate();
    let servers = await listen();
    try {
      await story({
        folder,
        frontend,
        backend,
        refused,
        frontendSvid: await obtain(agent, 'frontend'),
        rotate,
        changeRoot: async () => {
          const { authorities } = await journey.administer<{ authorities: Authority[] }>(
            'GET',
            '/v1/admin/authorities',
          );
          const next = authorities.find(({ purpose, state }) => purpose === 'x509-root' && state === 'prepared');
          const body = { kind: 'activate', id: next?.id, confirm: true, force: true };
          await journey.administer('POST', '/v1/admin/authorities', body);
        },
        restartAgent: async () => {
          for (const server of servers) await server.close();
          servers = await listen();
        },
        withdraw: () => {
          sessions.frontend.refuse(new Refusal('no_identity', 'no identity issued'));
          return Promise.resolve();
        },
      });
    } finally {
      for (const server of servers) await server.close();
    }
  } finally {
    await journey.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
