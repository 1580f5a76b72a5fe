import type { Denied } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { isMember, type SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncDenial } from '../formats/sync-message.ts';
import type { Issuer } from './issuer.ts';

type Recorder = Pick<Issuer, 'clock' | 'ledger' | 'denials' | 'views' | 'policy'>;

/** The agent that reports the denials. */
export interface ReportingAgent {
  readonly agent: SpiffeId;
  /** The serial of its SVID. */
  readonly caller: RecordId;
  readonly source: string;
}

/** What became of denials. */
export interface RecordedDenials {
  /** The ids of those that the agent need not report again. */
  readonly done: readonly string[];
  /** How many of them are not on record and never will be: too old, of the future, or under an id that was used before. */
  readonly refused: number;
}

/** How far the time in an id may be from now, in milliseconds: what an agent reports later than that is refused. */
const FRESH_MS = 15 * 60_000;

/** The time that stands in a record id (DEC-7). */
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 12), 16);

const isFresh = (id: string, now: Instant): boolean => Math.abs(now - timeOf(id)) <= FRESH_MS;

const denialOf = ({ policy }: Recorder, agent: ReportingAgent, reported: SyncDenial): Denied => {
  const { id, operation, reason, selectors, spiffeId } = reported;
  const asked = spiffeId as SpiffeId | undefined;
  return {
    kind: 'denied',
    id: id as RecordId,
    operation,
    code: 'no_identity',
    reason,
    ...agent,
    selectors,
    // Of this trust domain or not, it is what was asked for; only ours can lead to an entry.
    ...(asked !== undefined && isMember(asked, policy.trustDomain) && { spiffeId: asked }),
    ...(asked !== undefined && { asked: { spiffeId: asked } }),
  };
};

const dealWith = async (
  issuer: Recorder,
  denial: Denied,
  now: Instant,
): Promise<'recorded' | 'counted' | 'refused' | 'waits'> => {
  if (!isFresh(denial.id, now)) return 'refused';
  // One agent is one source, wherever it connects from.
  if (!issuer.denials.admit({ ...denial, source: denial.agent ?? '' }, now)) return 'counted';
  if (issuer.views.log.find(denial.id) !== undefined) return 'refused';
  try {
    const { status } = await issuer.ledger.append({ facts: [denial] });
    return status === 'committed' ? 'recorded' : 'refused';
  } catch (error) {
    // Full or read-only: the agent reports it again on its next connection.
    if (error instanceof Refusal) return 'waits';
    throw error;
  }
};

/**
 * Puts on record that an agent gave nothing to callers of its socket, under the ids that it told them (P7). Above the
 * agent's rate they are counted together (DEC-5). An id that is not fresh or was used before is passed over: nobody can put
 * words under another's decision, or into the past. Throws what the ledger throws when the outcome is unknown.
 */
export const recordAgentDenials = async (
  issuer: Recorder,
  agent: ReportingAgent,
  reported: readonly SyncDenial[],
): Promise<RecordedDenials> => {
  const now = issuer.clock.now();
  const outcomes = await Promise.all(reported.map((each) => dealWith(issuer, denialOf(issuer, agent, each), now)));
  return {
    done: reported.filter((_each, at) => outcomes[at] !== 'waits').map(({ id }) => id),
    refused: outcomes.filter((outcome) => outcome === 'refused').length,
  };
};
