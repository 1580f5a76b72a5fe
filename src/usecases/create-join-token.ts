import { JOIN_TOKEN } from '../domain/attestation.ts';
import type { JoinTokenCreated } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import { newRecordId, type RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { agentId, serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import { JOIN_TOKEN_ENTROPY, joinToken, joinTokenHash } from '../formats/join-token.ts';
import type { Issuer } from './issuer.ts';

const DEFAULT_TTL = 600;
const MIN_TTL = 30;
const MAX_TTL = 7 * 24 * 3600;

export interface JoinTokenRequest {
  /** An agent, under a name of its own or under the token's id; or the agentless workload of one entry. */
  readonly purpose: { readonly agent: string | null } | { readonly entry: string };
  /** Seconds; 10 minutes unless told. */
  readonly ttl?: number;
  /** Who asked. */
  readonly by: string;
}

/** The only time that the token is ever seen. */
export interface CreatedJoinToken {
  readonly id: RecordId;
  readonly token: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** Who redeems it becomes this. */
  readonly spiffeId: SpiffeId;
}

type Slice = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'views' | 'policy'>;

const checkedTtl = (ttl: number): number => {
  if (Number.isInteger(ttl) && ttl >= MIN_TTL && ttl <= MAX_TTL) return ttl;
  throw new Refusal('invalid_request', `a join token lives ${MIN_TTL} seconds to 7 days`, { field: 'ttl' });
};

const entryIdentity = ({ views, policy }: Slice, id: string): SpiffeId => {
  const entry = views.entries.get(id);
  if (!entry) throw new Refusal('not_found', 'there is no such entry', { field: 'entry' });
  if (entry.parentId !== serverId(policy.trustDomain)) {
    throw new Refusal('invalid_request', 'a join token is for an entry whose parent is the server', { field: 'entry' });
  }
  return entry.spiffeId;
};

const identityOf = (issuer: Slice, purpose: JoinTokenRequest['purpose'], id: RecordId): SpiffeId =>
  'entry' in purpose
    ? entryIdentity(issuer, purpose.entry)
    : agentId(issuer.policy.trustDomain, JOIN_TOKEN, purpose.agent ?? id);

/**
 * Makes a one-time token and records its SHA-256 (DEC-16). Refuses with `not_found` or `invalid_request` an entry that does
 * not exist or whose parent is not the server, a name that is not one path segment, and a life outside 30 s to 7 days.
 */
export const createJoinToken = async (issuer: Slice, request: JoinTokenRequest): Promise<CreatedJoinToken> => {
  const now = issuer.clock.now();
  const id = newRecordId(now, issuer.entropy);
  const expiresAt = unixSeconds(now) + checkedTtl(request.ttl ?? DEFAULT_TTL);
  const spiffeId = identityOf(issuer, request.purpose, id);
  const token = joinToken(issuer.entropy.bytes(JOIN_TOKEN_ENTROPY));
  const fact: JoinTokenCreated = {
    kind: 'join-token-created',
    id,
    hash: joinTokenHash(token),
    purpose: 'entry' in request.purpose ? { entry: request.purpose.entry } : { agent: spiffeId },
    expiresAt,
    by: request.by,
  };
  const appended = await issuer.ledger.append({ facts: [fact] });
  if (appended.status === 'committed') return { id, token, expiresAt, spiffeId };
  if (appended.status === 'changed') throw new Refusal('busy', 'try again', { retryAfter: 1 });
  throw new Refusal(appended.code, 'the join token was refused', { reason: appended.reason });
};
