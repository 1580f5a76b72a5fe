import { type Entry, revisionOf } from '../domain/entry.ts';
import { POLICY_VERSION } from '../domain/fact.ts';
import { planJwtSvid } from '../domain/jwt-profile.ts';
import { newRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Caller } from './authenticate-caller.ts';
import { entryUnderAgent, groupLeans, ownEntry, type Parents, parentsOnce } from './entitlement.ts';
import type { Issuer } from './issuer.ts';
import { issueItem, type ItemOutcome } from './item-outcome.ts';
import { type IssuedJwt, type JwtIntent, planJwt } from './jwt-issuance.ts';
import { askedText } from './record-denial.ts';
import { checkMayAskForSvids } from './svid-callers.ts';

/** One JWT-SVID. Without `entryId` it is for the caller's own identity (agentless). */
export interface JwtSvidItem {
  readonly audience: readonly string[];
  readonly entryId?: string;
  /** ES256 unless told; RS256 where it is switched on. */
  readonly algorithm?: 'ES256' | 'RS256';
}

const checkAllowed = (entry: Entry, audience: readonly string[]): void => {
  if (entry.jwtAudiences.length === 0) return;
  const refused = audience.filter((name) => !entry.jwtAudiences.includes(name));
  if (refused.length > 0) {
    throw new Refusal('forbidden', 'the entry does not allow this audience', {
      reason: 'an audience is not among the jwtAudiences of the entry',
    });
  }
};

const algorithmFor = ({ policy }: Issuer, { algorithm }: JwtSvidItem): JwtSvidItem['algorithm'] => {
  if (algorithm !== 'RS256' || policy.rs256 === true) return algorithm;
  throw new Refusal('invalid_request', 'RS256 is not switched on at this server', { field: 'algorithm' });
};

/** `parents`: those of the agent that asks for it; absent when the caller asks for itself. */
const intentFor = (caller: Caller, entry: Entry, parents: Parents | undefined): JwtIntent => ({
  role: parents ? 'workload' : 'agentless',
  entry: entry.id,
  ...(parents && { agent: caller.spiffeId }),
  ...(!parents && caller.row.attestation !== undefined && { attestation: caller.row.attestation }),
  leans: {
    caller: caller.serial,
    ...(parents && { agent: caller.spiffeId, ...groupLeans(parents, entry) }),
    entry: revisionOf(entry),
    policy: POLICY_VERSION,
  },
  spends: [],
});

/**
 * `POST /v1/svids/jwt`: a JWT-SVID for each item, on record before it is signed. Agents ask for entries under them,
 * agentless identities for their own ID (DEC-14); audiences within the entry's `jwtAudiences` (DEC-27).
 */
export const issueJwtSvids = async (
  issuer: Issuer,
  caller: Caller,
  items: readonly JwtSvidItem[],
  source: string,
): Promise<readonly ItemOutcome<IssuedJwt>[]> => {
  const parentsNow = parentsOnce(issuer, caller);

  const decide = async (item: JwtSvidItem, again: boolean) => {
    checkMayAskForSvids(caller, item.entryId);
    if (item.entryId === undefined && caller.role === 'agent') {
      throw new Refusal('no_identity', 'an agent names the entry', { reason: 'an agent has no JWT-SVID of its own' });
    }
    const parents = item.entryId === undefined ? undefined : parentsNow(again);
    const entry = parents ? entryUnderAgent(issuer, parents, item.entryId ?? '') : ownEntry(issuer, caller);
    checkAllowed(entry, item.audience);
    const key = await issuer.keys.jwt('jwt-svid', algorithmFor(issuer, item));
    const now = issuer.clock.now();
    const claims = planJwtSvid({
      spiffeId: entry.spiffeId,
      audiences: item.audience,
      jti: newRecordId(now, issuer.entropy),
      now,
      ttl: entry.jwtTtl ?? issuer.policy.jwtTtl,
      keyNotAfter: key.authority.notAfter,
      ...(issuer.policy.jwtIssuer !== undefined && { issuer: issuer.policy.jwtIssuer }),
    });
    return planJwt(issuer, 'jwt-svid', key, claims, intentFor(caller, entry, parents));
  };

  return Promise.all(
    items.map((item) =>
      issueItem(
        issuer,
        () => ({
          operation: 'jwt-svid',
          caller: caller.serial,
          source,
          asked: { audience: askedText(item.audience.join(' ')) },
          ...(caller.role === 'agent' && { agent: caller.spiffeId }),
          ...(item.entryId === undefined ? { spiffeId: caller.spiffeId } : { entry: item.entryId }),
        }),
        (again) => decide(item, again),
      ),
    ),
  );
};
