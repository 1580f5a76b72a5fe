import { hash } from 'node:crypto';
import { revisionOf } from '../domain/entry.ts';
import { POLICY_VERSION, type Spend } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { CertificationRequest } from '../formats/csr.ts';
import type { Caller } from './authenticate-caller.ts';
import { ownEntry } from './entitlement.ts';
import type { Issuer } from './issuer.ts';
import type { X509Request } from './x509-issuance.ts';

type Slice = Pick<Issuer, 'clock' | 'policy' | 'views' | 'follower'>;

const refused = (reason: string): Refusal => new Refusal('renewal_refused', 'this identity is not renewed', { reason });

/** The first key to renew a serial has it; another key on the same serial is a clone (DEC-12). Settled in the ledger. */
const renewalSpend = (caller: Caller, spki: string): Spend => ({
  kind: 'renewal',
  key: caller.serial,
  spki,
  // Longer than any clock difference that lets the credential still be shown.
  until: caller.notAfter + 60,
});

const common = (caller: Caller, csr: CertificationRequest) => ({
  csr,
  spiffeId: caller.spiffeId,
  predecessor: caller.serial,
  ...(caller.row.attestation !== undefined && { attestation: caller.row.attestation }),
  spends: [renewalSpend(caller, hash('sha256', csr.spki, 'hex'))],
});

/** An agent renews for as long as nobody stops it (DEC-13). */
const agentRenewal = (issuer: Slice, caller: Caller, csr: CertificationRequest): X509Request => ({
  ...common(caller, csr),
  role: 'agent',
  ttl: issuer.policy.agentTtl,
  leans: { caller: caller.serial, agent: caller.spiffeId, policy: POLICY_VERSION },
});

/** Unix seconds: the end of the session that began with the evidence. */
const sessionEnd = (issuer: Slice, caller: Caller): number => {
  const { attestation } = caller.row;
  const row = attestation === undefined ? undefined : issuer.views.attestations.get(attestation);
  if (!row) throw refused('the attestation behind the credential is no longer on record');
  if (unixSeconds(issuer.clock.now()) >= row.renewUntil) throw refused('the session is over: new evidence is needed');
  return row.renewUntil;
};

/** An agentless identity renews until its session ends, and while its entry still gives it what it has (DEC-14). */
const agentlessRenewal = (issuer: Slice, caller: Caller, csr: CertificationRequest): X509Request => {
  const renewUntil = sessionEnd(issuer, caller);
  const entry = ownEntry(issuer, caller);
  return {
    ...common(caller, csr),
    role: 'agentless',
    ttl: entry.x509Ttl ?? issuer.policy.agentlessTtl,
    notAfterLimit: renewUntil,
    dnsNames: entry.dnsNames,
    ...(entry.commonName !== undefined && { commonName: entry.commonName }),
    entry: entry.id,
    leans: { caller: caller.serial, entry: revisionOf(entry), policy: POLICY_VERSION },
  };
};

/**
 * What an agent or an agentless identity gets when it renews its own SVID. Refuses with `renewal_refused` all other roles, a
 * session that is over (after OIDC evidence: at once), and an identity whose renewal has stopped since a clone was seen; with
 * `no_identity` when its entry is gone or gives something else now.
 */
export const planRenewal = (issuer: Slice, caller: Caller, csr: CertificationRequest): X509Request => {
  issuer.follower.refresh();
  const lock = issuer.follower.revocations.locking(caller.spiffeId);
  if (lock) throw refused(`renewal has stopped, since a clone was seen: ${lock.id}`);
  if (caller.role === 'agent') return agentRenewal(issuer, caller, csr);
  if (caller.role === 'agentless') return agentlessRenewal(issuer, caller, csr);
  throw refused(`a credential of role ${caller.role} is not renewed`);
};
