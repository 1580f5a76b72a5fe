import { join } from 'node:path';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemEntropy } from '../../src/adapters/system/entropy.ts';
import { attestorsOf } from '../../src/compose/attestors.ts';
import { authorityKeeper } from '../../src/compose/authorities.ts';
import { devConfig } from '../../src/compose/dev-config.ts';
import { buildIssuer } from '../../src/compose/issuer.ts';
import { openStore, sealKeyOf } from '../../src/compose/store.ts';
import type { Administrator } from '../../src/domain/administrator.ts';
import { attest } from '../../src/usecases/attest.ts';
import { createEntry } from '../../src/usecases/create-entry.ts';
import { createJoinToken, type JoinTokenRequest } from '../../src/usecases/create-join-token.ts';
import { createResource } from '../../src/usecases/manage-resources.ts';
import type { Attesting } from '../../src/usecases/prove-evidence.ts';
import { bootstrapAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { agentId, serverId, type SpiffeId } from '../../src/domain/spiffe-id.ts';
import { makeRequest, pemChain, type PremadeRequest } from './premade-request.ts';

/** Someone with a client certificate, and the entries under them. */
export interface Holder {
  readonly spiffeId: string;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

export interface BenchEntry extends PremadeRequest {
  readonly id: string;
  readonly spiffeId: string;
}

export interface BenchAgent extends Holder {
  readonly entries: readonly BenchEntry[];
}

export interface Prepared {
  readonly trustDomain: string;
  readonly agents: readonly BenchAgent[];
  /** Agentless, each with a grant at `resource`. */
  readonly workloads: readonly Holder[];
  readonly resource: string;
  readonly scope: string;
}

const TRUST_DOMAIN = 'bench.example';
const RESOURCE = 'https://orders.bench.example/';
const SCOPE = 'orders.read';

export interface PreparedSizes {
  readonly agents: number;
  readonly entriesPerAgent: number;
  readonly workloads: number;
  /** Path of a SPIFFE ID for which each agent has one more entry. */
  readonly shared?: string;
  /** Lives in seconds, where they are not the usual ones: of the agents' own SVIDs, and of those of their entries. */
  readonly agentTtl?: number;
  readonly x509Ttl?: number;
}

/** Enough that nobody asks more often than the default limits let an agent (500/s) or a workload (50/s). */
const SIZES: PreparedSizes = { agents: 32, entriesPerAgent: 16, workloads: 160 };

/** The same, with an agent for each client at least. */
export const sizesFor = (clients: number): PreparedSizes => ({ ...SIZES, agents: Math.max(SIZES.agents, clients) });

const ADMIN: Administrator = { name: 'bench', role: 'owner', local: true };

const attestHolder = async (issuer: Attesting, purpose: JoinTokenRequest['purpose']): Promise<Holder> => {
  const { token } = await createJoinToken(issuer, { purpose, by: ADMIN.name });
  const request = makeRequest();
  const { spiffeId, chain } = await attest(issuer, {
    type: 'join_token',
    evidence: { token },
    csr: request.csr,
    source: '127.0.0.1',
  });
  return { spiffeId, chain: pemChain(chain), key: request.key };
};

const prepareAgent = async (
  issuer: Attesting,
  name: string,
  { entriesPerAgent, x509Ttl }: PreparedSizes,
): Promise<BenchAgent> => {
  const parentId = agentId(issuer.policy.trustDomain, 'join_token', name);
  const drafts = Array.from({ length: entriesPerAgent }, async (_, at) => {
    const spiffeId = `spiffe://${TRUST_DOMAIN}/${name}/workload-${at}`;
    const { id } = await createEntry(issuer, ADMIN, {
      spiffeId,
      parentId,
      selectors: [`unix:uid:${1000 + at}`],
      ...(x509Ttl !== undefined && { x509Ttl }),
    });
    return { id, spiffeId, ...makeRequest() };
  });
  const entries = await Promise.all(drafts);
  return { ...(await attestHolder(issuer, { agent: name })), entries };
};

const prepareWorkload = async (issuer: Attesting, name: string): Promise<Holder> => {
  const { id } = await createEntry(issuer, ADMIN, {
    spiffeId: `spiffe://${TRUST_DOMAIN}/${name}`,
    parentId: serverId(issuer.policy.trustDomain),
    selectors: [`bench:name:${name}`],
    grants: [{ resource: RESOURCE, scopes: [SCOPE] }],
  });
  return attestHolder(issuer, { entry: id });
};

/** What the writer takes at one time, with room to spare. */
const AT_ONCE = 500;

/** Does it for all of them, so many at a time, and keeps their order. */
const inGroups = async <Item, Made>(
  items: readonly Item[],
  make: (item: Item) => Promise<Made>,
): Promise<readonly Made[]> => {
  const made: Made[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    made.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(make))));
  }
  return made;
};

const numbered = <T>(count: number, name: string, make: (name: string) => Promise<T>): Promise<readonly T[]> =>
  inGroups(
    Array.from({ length: count }, (_, at) => `${name}-${at}`),
    make,
  );

const fill = async (issuer: Attesting, sizes: PreparedSizes): Promise<Prepared> => {
  await createResource(issuer, ADMIN, { identifier: RESOURCE, scopes: [{ name: SCOPE }] });
  return {
    trustDomain: TRUST_DOMAIN,
    agents: await numbered(sizes.agents, 'agent', (name) => prepareAgent(issuer, name, sizes)),
    workloads: await numbered(sizes.workloads, 'client', (name) => prepareWorkload(issuer, name)),
    resource: RESOURCE,
    scope: SCOPE,
  };
};

/** The same identity under each of the agents. */
const share = async (issuer: Attesting, agents: readonly BenchAgent[], path: string): Promise<void> => {
  const draft = { spiffeId: `spiffe://${TRUST_DOMAIN}/${path}`, selectors: ['unix:uid:1'] };
  await inGroups(agents, ({ spiffeId: parentId }) => createEntry(issuer, ADMIN, { ...draft, parentId }));
};

/** Opens the folder as a server does, but for its listeners, and founds the trust domain where there is none. */
const withIssuer = async <T>(
  dataDir: string,
  work: (issuer: Attesting) => Promise<T>,
  agentTtl?: number,
): Promise<T> => {
  const config = devConfig({
    trustDomain: TRUST_DOMAIN,
    dataDir,
    adminSocket: join(dataDir, 'admin.sock'),
    port: 0,
    publicPort: 0,
    frontEnds: 1,
  });
  const entropy = systemEntropy();
  const sealKey = sealKeyOf(config, true, entropy);
  const onFatal = (error: Error): never => {
    throw error;
  };
  const store = await openStore(config, true, { clock: systemClock, entropy, onFatal });
  const opened = store.connect();
  try {
    const built = buildIssuer({ config, dev: true, clock: systemClock, entropy, opened, sealKey });
    await bootstrapAuthorities(authorityKeeper(config, built));
    const { policy, ...rest } = built.issuer;
    const issuer = { ...rest, policy: { ...policy, ...(agentTtl !== undefined && { agentTtl }) } };
    return await work({ ...issuer, challengeKey: entropy.bytes(32), attestors: attestorsOf(config, issuer) });
  } finally {
    opened.close();
    await store.close();
  }
};

/**
 * Founds a trust domain in an empty folder and fills it through the same use cases that the server calls, before the server
 * starts: so set-up takes no part in its rates, which stay as they are by default.
 */
export const prepare = async (dataDir: string, sizes: PreparedSizes = SIZES): Promise<Prepared> => {
  const work = async (issuer: Attesting): Promise<Prepared> => {
    const prepared = await fill(issuer, sizes);
    if (sizes.shared !== undefined) await share(issuer, prepared.agents, sizes.shared);
    return prepared;
  };
  return withIssuer(dataDir, work, sizes.agentTtl);
};

const agentAgain = async (issuer: Attesting, agent: BenchAgent): Promise<BenchAgent> => ({
  ...(await attestHolder(issuer, { agent: agent.spiffeId.split('/').at(-1) ?? '' })),
  entries: agent.entries,
});

const workloadAgain = async (issuer: Attesting, { spiffeId }: Holder): Promise<Holder> => {
  const [entry] = issuer.views.entries.list({ spiffeId: spiffeId as SpiffeId }, { limit: 1 });
  if (!entry) throw new Error(`the folder has no entry for ${spiffeId}`);
  return attestHolder(issuer, { entry: entry.id });
};

/** The same identities with new certificates: those of a folder that was prepared a while ago have ended. */
export const prepareAgain = async (dataDir: string, prepared: Prepared): Promise<Prepared> =>
  withIssuer(dataDir, async (issuer) => ({
    ...prepared,
    agents: await Promise.all(prepared.agents.map((agent) => agentAgain(issuer, agent))),
    workloads: await Promise.all(prepared.workloads.map((workload) => workloadAgain(issuer, workload))),
  }));
