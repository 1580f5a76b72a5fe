import { chooseEntry, evidenceRefused } from '../domain/attestation.ts';
import { type Entry, isLiveEntry, revisionOf } from '../domain/entry.ts';
import { type Leans, POLICY_VERSION } from '../domain/fact.ts';
import { type Instant, unixSeconds } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import { serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { Proof } from '../ports/attestor.ts';
import type { Issuer } from './issuer.ts';
import type { Proven } from './prove-evidence.ts';

type Deciding = Pick<Issuer, 'views' | 'policy'>;

/** The entry that an operator tied a join token to. It is read anew each time: it may have changed since. */
const namedEntry = (issuer: Deciding, id: string, wanted: SpiffeId | undefined, now: Instant): Entry => {
  const entry = issuer.views.entries.get(id);
  const refuse = (reason: string) => new Refusal('no_identity', 'no entry gives this caller an identity', { reason });
  if (!entry) throw refuse('the entry of the join token is gone');
  if (entry.parentId !== serverId(issuer.policy.trustDomain)) {
    throw refuse('the entry of the join token has another parent than the server');
  }
  if (!isLiveEntry(entry, now)) throw refuse('the entry of the join token has expired');
  if (wanted !== undefined && wanted !== entry.spiffeId) throw refuse('the join token is for another SPIFFE ID');
  return entry;
};

const entryFor = (issuer: Deciding, { proof, now }: Proven, wanted: SpiffeId | undefined): Entry => {
  if (proof.entry !== undefined) return namedEntry(issuer, proof.entry, wanted, now);
  const parent = serverId(issuer.policy.trustDomain);
  return chooseEntry(issuer.views.entries.matching(parent, proof.selectors), now, wanted);
};

const agentIdentity = (proof: Proof, wanted: SpiffeId | undefined): SpiffeId => {
  if (proof.agent === undefined) throw evidenceRefused('this evidence names no agent');
  if (wanted !== undefined && wanted !== proof.agent) {
    throw new Refusal('no_identity', 'this evidence gives another identity', {
      reason: 'the evidence gives another agent ID than the one asked for',
    });
  }
  return proof.agent;
};

/** What is about to be recorded, but for the ids. */
export interface Decision {
  readonly spiffeId: SpiffeId;
  readonly entry: Entry | undefined;
  readonly ttl: number;
  /** Unix seconds. */
  readonly renewUntil: number;
  readonly leans: Leans;
}

const leansOf = (proof: Proof, entry: Entry | undefined): Leans => ({
  evidence: proof.evidence,
  ...(proof.joinToken !== undefined && { joinToken: proof.joinToken }),
  ...(proof.provenAt !== undefined && { provenAt: proof.provenAt }),
  ...(entry && { entry: revisionOf(entry) }),
  policy: POLICY_VERSION,
});

/** From evidence to identity (DEC-14). Evidence that may not be renewed ends its session at once. */
export const decideIdentity = (issuer: Deciding, proven: Proven, wanted: SpiffeId | undefined): Decision => {
  const { policy } = issuer;
  const { proof, role } = proven;
  const attestedAt = unixSeconds(proven.now);
  if (role === 'agent') {
    const spiffeId = agentIdentity(proof, wanted);
    const renewUntil = attestedAt + policy.nodeKeyLife;
    return { spiffeId, entry: undefined, ttl: policy.agentTtl, renewUntil, leans: leansOf(proof, undefined) };
  }
  const entry = entryFor(issuer, proven, wanted);
  return {
    spiffeId: entry.spiffeId,
    entry,
    ttl: entry.x509Ttl ?? policy.agentlessTtl,
    renewUntil: proof.renewable ? attestedAt + policy.maxSession : attestedAt,
    leans: leansOf(proof, entry),
  };
};
