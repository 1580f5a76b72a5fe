import { isWithin, type Administrator } from '../domain/administrator.ts';
import type { AgentPurged } from '../domain/fact.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AttestationRow } from '../ports/views.ts';
import { record } from './admin-write.ts';
import { agentLife } from './agent-life.ts';
import type { PresenceReader } from './agent-presence.ts';
import type { Issuer } from './issuer.ts';
import { inSlices, readAll, type StandAside } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy'>;

const PAGE = 500;
/** Facts in one group. */
const GROUP = 100;

const allAgents = ({ views }: Reader): Generator<AttestationRow> =>
  readAll(
    (page) => views.attestations.agents(page),
    ({ spiffeId }) => spiffeId,
    { limit: PAGE },
  );

const deadRows = async (
  issuer: Reader,
  admin: Pick<Administrator, 'prefix'>,
  standAside: StandAside,
): Promise<readonly AttestationRow[]> => {
  const dead: AttestationRow[] = [];
  await inSlices(allAgents(issuer), standAside, (row) => {
    if (isWithin(admin, row.spiffeId) && agentLife(issuer, row).isDead) dead.push(row);
  });
  return dead;
};

/** The agents below the administrator's prefix that are dead: neither SVID nor node key is good any more (DEC-13). */
export const deadAgents = async (
  issuer: Reader,
  admin: Administrator,
  standAside: StandAside,
): Promise<readonly SpiffeId[]> => (await deadRows(issuer, admin, standAside)).map(({ spiffeId }) => spiffeId);

/**
 * Takes dead agents off the list, on record. What they did stays in the log; one that attests anew is an agent again, also
 * when it does so while this runs.
 */
export const purgeAgents = async (
  issuer: Reader & Pick<Issuer, 'ledger'>,
  admin: Administrator,
  standAside: StandAside,
): Promise<readonly SpiffeId[]> => {
  const dead = await deadRows(issuer, admin, standAside);
  const facts = dead.map(
    ({ spiffeId, id }): AgentPurged => ({ kind: 'agent-purged', agent: spiffeId, attestation: id, by: admin.name }),
  );
  for (let at = 0; at < facts.length; at += GROUP) await record(issuer, facts.slice(at, at + GROUP));
  return dead.map(({ spiffeId }) => spiffeId);
};

/** How many agents should have renewed their SVID by now, are not connected, and could still come back. */
export const countStopped = async (
  issuer: Reader,
  presence: PresenceReader,
  standAside: StandAside,
): Promise<number> => {
  const connected = new Set((await presence.connected()).map(({ agent }) => agent));
  let stopped = 0;
  await inSlices(allAgents(issuer), standAside, (row) => {
    // First, since it is most of them: what is on record of one costs a search.
    if (connected.has(row.spiffeId)) return;
    const { isPastRenewal, isDead } = agentLife(issuer, row);
    if (isPastRenewal && !isDead) stopped += 1;
  });
  return stopped;
};
