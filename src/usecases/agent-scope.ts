import type { Entry } from '../domain/entry.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow } from '../ports/views.ts';
import type { Caller } from './authenticate-caller.ts';
import { parentsOf } from './entitlement.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'policy'>;

/** What decides which entries an agent is told of. */
export interface AgentScope {
  readonly agent: SpiffeId;
  /** The agent's own SVID. */
  readonly row: CredentialRow;
  /** SPIFFE IDs of the agent groups that it is in (DEC-27). */
  groups: readonly SpiffeId[];
}

const NO_GROUPS: readonly SpiffeId[] = [];

/** The groups that an agent is in now, in order of SPIFFE ID; none when its attestation is no longer on record. */
export const groupsOf = (issuer: Reader, { row }: Pick<Caller, 'row'>): readonly Entry[] => {
  if (row.attestation === undefined || issuer.views.attestations.get(row.attestation) === undefined) return [];
  const groups = [...parentsOf(issuer, { row, spiffeId: row.spiffeId }).values()].filter(
    (group) => group !== undefined,
  );
  return groups.sort((a, b) => (a.spiffeId < b.spiffeId ? -1 : 1));
};

/** Their SPIFFE IDs. Most agents are in none, and share the one empty list. */
export const groupIds = (groups: readonly Entry[]): readonly SpiffeId[] =>
  groups.length === 0 ? NO_GROUPS : groups.map(({ spiffeId }) => spiffeId);

/** The IDs under which an agent's entries are. */
export const parentIdsOf = ({ agent, groups }: Pick<AgentScope, 'agent' | 'groups'>): readonly SpiffeId[] =>
  groups.length === 0 ? [agent] : [agent, ...groups];
