import { requireEverywhere, requireWithin, type Administrator } from '../domain/administrator.ts';
import { type Denied, type Fact, type Issued, type Leans, POLICY_VERSION } from '../domain/fact.ts';
import { isRecordId, type RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Revocation } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow, RecordedFact } from '../ports/views.ts';
import { credentialStatus, type CredentialStatus } from './credential-status.ts';
import { distanceText, explainLeans, timeText, type LeanedOn } from './explain-leans.ts';
import type { Issuer } from './issuer.ts';
import { nearestEntries, type NearEntry } from './nearest-entries.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower' | 'policy'>;

/** Where a decision is in the ledger, with the log's head for a proof that it is. */
export interface RecordPlace {
  readonly epoch: number;
  readonly index: number;
  readonly leafHash: string;
  /** RFC 3339. */
  readonly time: string;
  /** Of the log as it is now. */
  readonly size: number;
  readonly root: string;
}

/** What is on record about one decision, and what it means. */
export interface Explanation {
  readonly id: RecordId;
  readonly kind: Fact['kind'];
  /** One sentence. */
  readonly summary: string;
  readonly place: RecordPlace;
  /** The details were erased: only what the leaf holds in clear is left. */
  readonly erased: boolean;
  /** The leaf's members in clear. */
  readonly clear: Readonly<Record<string, unknown>>;
  /** Everything on record, while its details are kept. */
  readonly fact?: Fact;
  readonly leansOn: readonly LeanedOn[];
  /** How an issued credential stands now, while its row is kept. */
  readonly status?: CredentialStatus;
  /** Of a denial: the revocations that stood in the way. */
  readonly revocations?: readonly Revocation[];
  /** Of a denial: the entries that came nearest. */
  readonly nearest?: readonly NearEntry[];
}

/** What is said beyond the record itself. */
type Details = Pick<Explanation, 'summary' | 'leansOn' | 'status' | 'revocations' | 'nearest'>;

const NOTHING = { leansOn: [] };

const statusText = (status: CredentialStatus): string => {
  if (status.revocation) return `revoked by ${status.revocation.id} (${status.revocation.reason})`;
  return status.authorityRevoked ? 'revoked with the authority that signed it' : status.state;
};

const explainIssued = (issuer: Reader, fact: Issued, row: CredentialRow | undefined): Details => {
  const status = row && credentialStatus(issuer, row);
  const life = `${timeText(fact.notBefore)} to ${timeText(fact.notAfter)} (${distanceText(issuer, fact.notAfter)})`;
  const now = status ? statusText(status) : 'past keeping';
  return {
    summary: `${fact.credential} for ${fact.spiffeId}, valid ${life}: ${now}`,
    leansOn: explainLeans(issuer, fact.leans),
    ...(status && { status }),
  };
};

/** The revocations that the reason names, and those that would stand in the way now. */
const obstructing = (issuer: Reader, fact: Denied): readonly Revocation[] => {
  issuer.follower.refresh();
  const { revocations } = issuer.follower;
  const named = fact.reason.split(/[^0-9a-f]+/).filter(isRecordId);
  const { spiffeId, agent, entry } = fact;
  const subject = spiffeId && {
    spiffeId,
    ...(agent !== undefined && { agent }),
    ...(entry !== undefined && { entry }),
  };
  const found = [
    ...named.map((id) => issuer.views.revocations.get(id)),
    subject && revocations.barring(subject),
    spiffeId && revocations.locking(spiffeId),
    agent && revocations.barring({ spiffeId: agent }),
  ].filter((revocation) => revocation !== undefined);
  return [...new Map(found.map((revocation) => [revocation.id, revocation])).values()];
};

const explainDenied = (issuer: Reader, admin: Administrator, fact: Denied): Details => {
  const { attestor, selectors = [], spiffeId, agent, entry } = fact;
  return {
    summary: `${fact.operation} was refused: ${fact.code}: ${fact.reason}`,
    leansOn: fact.caller === undefined ? [] : explainLeans(issuer, { caller: fact.caller, policy: POLICY_VERSION }),
    revocations: obstructing(issuer, fact),
    nearest: nearestEntries(issuer, { attestor, selectors, spiffeId, agent, entry }, admin.prefix),
  };
};

const leansOf = (fact: Fact): Leans | undefined => ('leans' in fact ? fact.leans : undefined);

const explainOther = (issuer: Reader, fact: Fact, summary: string): Details => {
  const leans = leansOf(fact);
  return { summary, leansOn: leans ? explainLeans(issuer, leans) : [] };
};

const summaryOf = (fact: Fact): string => {
  switch (fact.kind) {
    case 'attested':
      return `${fact.attestor} evidence was accepted for ${fact.spiffeId} (${fact.role}): ${fact.selectors.join(', ')}`;
    case 'decided':
      return `${fact.operation} gave ${fact.spiffeId}${fact.entry === undefined ? '' : ` by the entry ${fact.entry}`}`;
    case 'denials-aggregated':
      return `${fact.operation} was refused ${fact.count} times for ${fact.source}, above its rate: ${fact.reason}`;
    case 'revoked':
      return `${fact.by} revoked ${fact.target.kind} ${fact.target.value} (${fact.predicates.join(', ')}): ${fact.reason}`;
    case 'join-token-created':
      return `${fact.by} made a join token, good until ${timeText(fact.expiresAt)}`;
    default:
      return `${fact.kind} is on record`;
  }
};

const detailsOf = (issuer: Reader, admin: Administrator, id: RecordId, recorded: RecordedFact): Details => {
  const { fact } = recorded;
  const row = issuer.views.credentials.get(id);
  if (fact === undefined) {
    const status = row && credentialStatus(issuer, row);
    const what = `${recorded.kind} is on record; its details were erased when their time was over`;
    return { ...NOTHING, summary: status ? `${what}; it is ${statusText(status)}` : what, ...(status && { status }) };
  }
  if (fact.kind === 'issued') return explainIssued(issuer, fact, row);
  if (fact.kind === 'denied') return explainDenied(issuer, admin, fact);
  return explainOther(issuer, fact, summaryOf(fact));
};

/** Whom a decision is about: a denial that names no SPIFFE ID, the agent through which it came. */
const subjectOf = (fact: Fact | undefined): SpiffeId | undefined => {
  if (fact?.kind === 'denied') return fact.spiffeId ?? fact.agent;
  return fact !== undefined && 'spiffeId' in fact ? fact.spiffeId : undefined;
};

/**
 * Explains a decision from the ledger (P7): what it leaned on, where it is recorded, how it stands now, and for a denial the
 * nearest entries and the exact thing that stood in the way. `id` is a serial, a `jti` or a decision id. Works after the
 * details were erased, with what is left. Refuses with `not_found`; `forbidden` outside the administrator's prefix.
 */
export const explain = (issuer: Reader, admin: Administrator, id: RecordId): Explanation => {
  const index = issuer.views.log.find(id);
  const recorded = index === undefined ? undefined : issuer.views.log.at(index);
  if (!recorded) throw new Refusal('not_found', 'no decision with this id is on record');
  const subject = subjectOf(recorded.fact) ?? issuer.views.credentials.get(id)?.spiffeId;
  if (subject === undefined) requireEverywhere(admin);
  else requireWithin(admin, subject);
  const { size, root } = issuer.views.log.head();
  const { cursor, leafHash, time, clear, kind, fact } = recorded;
  return {
    id,
    kind,
    ...detailsOf(issuer, admin, id, recorded),
    place: { ...cursor, leafHash, time: timeText(time / 1000), size, root },
    erased: fact === undefined,
    clear,
    ...(fact && { fact }),
  };
};
