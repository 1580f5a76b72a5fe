import { requireEverywhere, requireWithin, type Administrator } from '../domain/administrator.ts';
import type { Fact } from '../domain/fact.ts';
import { parseRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Revocation, RevocationTarget } from '../domain/revocation.ts';
import { isMember, isPathPrefix, parseOperatorSpiffeId, serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'policy'>;

const FIELD = 'target.value';

/** Revoking the server's own identity would silence the one that spreads revocations; authorities have commands of their own. */
const checkServer = (issuer: Reader, { kind }: RevocationTarget, id: SpiffeId): void => {
  const server = serverId(issuer.policy.trustDomain);
  if (id === server || (kind === 'prefix' && isPathPrefix(id, server))) {
    throw new Refusal('invalid_request', 'this would revoke the server itself; taint or revoke an authority instead', {
      field: FIELD,
    });
  }
};

const spiffeTarget = (issuer: Reader, target: RevocationTarget): RevocationTarget => {
  const { trustDomain } = issuer.policy;
  const id = parseOperatorSpiffeId(target.value, { field: FIELD });
  if (!isMember(id, trustDomain)) {
    throw new Refusal('invalid_request', `the ID is not in the trust domain ${trustDomain}`, { field: FIELD });
  }
  checkServer(issuer, target, id);
  if (target.kind === 'agent' && issuer.views.attestations.newest(id)?.role !== 'agent') {
    throw new Refusal('not_found', 'no agent with this ID has attested', { field: FIELD });
  }
  return { kind: target.kind, value: id };
};

const credentialTarget = (issuer: Reader, target: RevocationTarget): RevocationTarget => {
  const id = parseRecordId(target.value);
  const row = issuer.views.credentials.get(id);
  if (row?.role === 'server') checkServer(issuer, target, row.spiffeId);
  if (!row && issuedFact(issuer, id) === undefined) {
    throw new Refusal('not_found', 'no credential with this serial or jti is on record', { field: FIELD });
  }
  return { kind: 'credential', value: id };
};

/**
 * The target in canonical form. Refuses with `invalid_request` what is not an ID of this trust domain and what would hit the
 * server itself; with `not_found` an agent, entry or credential that is not on record.
 */
export const resolveTarget = (issuer: Reader, target: RevocationTarget): RevocationTarget => {
  if (target.kind === 'credential') return credentialTarget(issuer, target);
  if (target.kind !== 'entry') return spiffeTarget(issuer, target);
  if (issuer.views.entries.used(target.value)) return target;
  throw new Refusal('not_found', 'there never was an entry with this id', { field: FIELD });
};

const issuedFact = (issuer: Reader, id: ReturnType<typeof parseRecordId>): Fact | 'erased' | undefined => {
  const index = issuer.views.log.find(id);
  const recorded = index === undefined ? undefined : issuer.views.log.at(index);
  return recorded?.kind === 'issued' ? (recorded.fact ?? 'erased') : undefined;
};

const spiffeIdOf = (issuer: Reader, target: RevocationTarget): SpiffeId | undefined => {
  switch (target.kind) {
    case 'credential': {
      const id = parseRecordId(target.value);
      const fact = issuedFact(issuer, id);
      const recorded = typeof fact === 'object' && fact.kind === 'issued' ? fact.spiffeId : undefined;
      return issuer.views.credentials.get(id)?.spiffeId ?? recorded;
    }
    case 'entry':
      return issuer.views.entries.get(target.value)?.spiffeId;
    default:
      return target.value as SpiffeId;
  }
};

/** The revocations of exactly this target that are in force. */
export const inForceFor = (issuer: Pick<Issuer, 'views'>, target: RevocationTarget): readonly Revocation[] =>
  issuer.views.revocations
    .active()
    .filter((held) => held.target.kind === target.kind && held.target.value === target.value);

/** Revocations in force that the administrator may see. */
export const visibleRevocations = (issuer: Reader, admin: Administrator): readonly Revocation[] =>
  issuer.views.revocations.active().filter(({ target }) => {
    const { prefix } = admin;
    const id = prefix === undefined ? undefined : spiffeIdOf(issuer, target);
    return prefix === undefined || (id !== undefined && isPathPrefix(prefix, id));
  });

/** Refuses with `forbidden` unless the target is known to lie within the administrator's prefix. */
export const requireTargetWithin = (issuer: Reader, admin: Administrator, target: RevocationTarget): void => {
  const id = spiffeIdOf(issuer, target);
  if (id === undefined) requireEverywhere(admin);
  else requireWithin(admin, id);
};
