import type { LoadClient, LoadIdentity } from './load.ts';
import type { OperationName } from './options.ts';
import type { BenchAgent, Holder, Prepared } from './prepare.ts';

/** What one operation sends. */
export interface Operation {
  readonly path: string;
  readonly contentType: string;
  /** Whose floor its rate is a share of. */
  readonly floor: 'vsv' | 'sv';
  /** All identities that may ask, with their requests. */
  readonly identities: (prepared: Prepared) => readonly LoadIdentity[];
  /** Credentials in one request. */
  readonly items: number;
  /** No more clients than this: others would only wait behind each other's batches. */
  readonly mostClients: number;
  /** Share of the floor, and milliseconds, that 32 clients (or `mostClients`) are to reach on one core. */
  readonly bar: { readonly share: number; readonly p99: number };
  /** Identities for one client: as many as the limits make necessary. */
  readonly perClient: number;
}

/** The audience of the JWT-SVIDs. */
export const AUDIENCE = 'https://ledger.bench.example';

const json = (items: readonly object[]): string => JSON.stringify({ items });

const forEntries =
  (body: (entry: BenchAgent['entries'][number]) => string) =>
  ({ agents }: Prepared): readonly LoadIdentity[] =>
    agents.map(({ chain, key, entries }) => ({ cert: chain, key, bodies: entries.map(body) }));

const tokenBody = ({ resource, scope }: Prepared, { spiffeId }: Holder): string =>
  new URLSearchParams({ grant_type: 'client_credentials', client_id: spiffeId, resource, scope }).toString();

/** One CSR for each of the agent's entries, over and over. */
const csrs = (entries: BenchAgent['entries'], count: number): string =>
  json(
    Array.from({ length: count }, (_, at) => {
      const entry = entries[at % entries.length];
      if (!entry) throw new RangeError('an agent without entries');
      return { csr: Buffer.from(entry.csr).toString('base64'), entryId: entry.id };
    }),
  );

const BATCH = 50;

export const BENCH_OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  'x509-svid': {
    path: '/v1/svids/x509',
    contentType: 'application/json',
    floor: 'vsv',
    items: 1,
    mostClients: Infinity,
    bar: { share: 0.42, p99: 50 },
    identities: forEntries(({ id, csr }) => json([{ csr: Buffer.from(csr).toString('base64'), entryId: id }])),
    perClient: 4,
  },
  'x509-batch': {
    path: '/v1/svids/x509',
    contentType: 'application/json',
    floor: 'vsv',
    items: BATCH,
    mostClients: 8,
    bar: { share: 0.58, p99: 200 },
    identities: ({ agents }) =>
      agents.map(({ chain, key, entries }) => ({ cert: chain, key, bodies: [csrs(entries, BATCH)] })),
    perClient: 4,
  },
  'jwt-svid': {
    path: '/v1/svids/jwt',
    contentType: 'application/json',
    floor: 'sv',
    items: 1,
    mostClients: Infinity,
    bar: { share: 0.42, p99: 30 },
    identities: forEntries(({ id }) => json([{ audience: [AUDIENCE], entryId: id }])),
    perClient: 8,
  },
  'access-token': {
    path: '/oauth2/token',
    contentType: 'application/x-www-form-urlencoded',
    floor: 'sv',
    items: 1,
    mostClients: Infinity,
    bar: { share: 0.38, p99: 30 },
    identities: (prepared) =>
      prepared.workloads.map((holder) => ({
        cert: holder.chain,
        key: holder.key,
        bodies: [tokenBody(prepared, holder)],
      })),
    perClient: 80,
  },
};

/** Deals identities out to clients, each to one client only. */
export const dealIdentities = (
  identities: readonly LoadIdentity[],
  clients: number,
  perClient: number,
): readonly LoadClient[] => {
  const each = Math.min(perClient, Math.floor(identities.length / clients));
  if (each === 0) throw new RangeError(`there are ${identities.length} identities for ${clients} clients`);
  return Array.from({ length: clients }, (_, at) => ({ identities: identities.slice(at * each, (at + 1) * each) }));
};
