import { hash } from 'node:crypto';
import { type AttestedRole, evidenceRefused } from '../domain/attestation.ts';
import type { Attested, Decided } from '../domain/fact.ts';
import { newRecordId, type RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { type Decision, decideIdentity } from './decide-identity.ts';
import { committedOr, placeOf } from './planned.ts';
import { type Attesting, type AttestRequest, prove, type Proven } from './prove-evidence.ts';
import { type DenialSubject, denialOf, recordDenial } from './record-denial.ts';
import { type IssuedX509, planX509, type X509Request } from './x509-issuance.ts';

export interface AttestedIdentity extends IssuedX509 {
  readonly role: AttestedRole;
  readonly attestation: RecordId;
  /** Unix seconds until which it may renew without new evidence; absent where it may not, and for agents, which always may. */
  readonly renewUntil?: number;
}

/** How often a request is decided when what the decision leaned on keeps changing; then the caller is asked to come back. */
const ATTEMPTS = 3;

const attestedFact = (attesting: Attesting, type: string, proven: Proven, decision: Decision): Attested => ({
  kind: 'attested',
  id: newRecordId(proven.now, attesting.entropy),
  attestor: type,
  role: proven.role,
  spiffeId: decision.spiffeId,
  selectors: proven.proof.selectors,
  evidence: proven.proof.evidence,
  spki: hash('sha256', proven.csr.spki, 'hex'),
  ...(proven.nodeKey !== undefined && { nodeKey: proven.nodeKey }),
  renewUntil: decision.renewUntil,
  leans: decision.leans,
  spends: proven.spends,
});

const decidedFact = (attesting: Attesting, proven: Proven, decision: Decision, attested: Attested): Decided => ({
  kind: 'decided',
  id: newRecordId(proven.now, attesting.entropy),
  operation: 'attest',
  spiffeId: decision.spiffeId,
  attestation: attested.id,
  ...(decision.entry && { entry: decision.entry.id }),
  leans: decision.leans,
});

const svidRequest = (proven: Proven, decision: Decision, attestation: RecordId): X509Request => ({
  csr: proven.csr,
  spiffeId: decision.spiffeId,
  role: proven.role,
  ttl: decision.ttl,
  ...(proven.proof.renewable && proven.role === 'agentless' && { notAfterLimit: decision.renewUntil }),
  ...(decision.entry && { entry: decision.entry.id, dnsNames: decision.entry.dnsNames }),
  ...(decision.entry?.commonName !== undefined && { commonName: decision.entry.commonName }),
  attestation,
  leans: decision.leans,
  spends: [],
});

/** The place of the `issued` fact in its group: after `attested` and `decided` (DEC-5). */
const ISSUED_AT = 2;

const recordAndIssue = async (
  attesting: Attesting,
  request: AttestRequest,
  proven: Proven,
  subject: DenialSubject,
): Promise<AttestedIdentity> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const decision = decideIdentity(attesting, proven, request.spiffeId);
    const attested = attestedFact(attesting, request.type, proven, decision);
    const decided = decidedFact(attesting, proven, decision, attested);
    const planned = await planX509(attesting, svidRequest(proven, decision, attested.id));
    const about = { ...subject, spiffeId: decision.spiffeId, ...(decision.entry && { entry: decision.entry.id }) };
    const denial = denialOf(attesting, about, evidenceRefused('refused by the ledger'));
    const answer = await attesting.ledger.append({ facts: [attested, decided, planned.issued], denial });
    const committed = committedOr(answer, denial.id);
    if (committed === 'changed') continue;
    const svid = await planned.finish(placeOf(committed, ISSUED_AT));
    const { renewUntil } = decision;
    const renews = proven.role === 'agentless' && proven.proof.renewable;
    return { ...svid, role: proven.role, attestation: attested.id, ...(renews && { renewUntil }) };
  }
  throw new Refusal('busy', 'the entry is changing; try again', { retryAfter: 1 });
};

/** The refusal that the caller sees: the same sentence for all bad evidence, wherever it was found to be bad. */
const inPublic = (refusal: Refusal): Refusal => {
  if (refusal.code !== 'attestation_refused') return refusal;
  const { message } = evidenceRefused('');
  const { reason, decisionId } = refusal;
  return new Refusal(refusal.code, message, {
    ...(reason !== undefined && { reason }),
    ...(decisionId !== undefined && { decisionId }),
  });
};

/** A store that is full or read-only takes no denial either. */
const isUnrecordable = ({ code }: Refusal): boolean => code === 'busy' || code === 'read_only';

/**
 * `POST /v1/attest`: evidence in, identity out. The attestor judges the evidence; then an agent gets its own ID, and an
 * agentless workload the one entry under the server that its selectors match (DEC-14). That it attested, what was decided and
 * what is issued are recorded together or not at all (DEC-5), with everything that may be used only once.
 *
 * Refuses with `attestation_refused` (the evidence), `no_identity`, `ambiguous_identity`, `revoked`, `invalid_csr`,
 * `unsupported_key`, or `unavailable` (the evidence cannot be judged now). Each refusal is on record with its reason;
 * the caller never reads why evidence was not believed.
 */
export const attest = async (attesting: Attesting, request: AttestRequest): Promise<AttestedIdentity> => {
  let subject: DenialSubject = {
    operation: 'attest',
    source: request.source,
    // Only a known type: this member is in clear in the log, and callers choose what they send.
    ...(attesting.attestors.has(request.type) && { attestor: request.type }),
    ...(request.spiffeId !== undefined && { asked: { spiffeId: request.spiffeId } }),
  };
  try {
    const proven = await prove(attesting, request);
    const { selectors, entry } = proven.proof;
    subject = { ...subject, selectors, ...(entry !== undefined && { entry }) };
    return await recordAndIssue(attesting, request, proven, subject);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.decisionId !== undefined || isUnrecordable(error)) throw inPublic(error);
    throw inPublic(await recordDenial(attesting, subject, error));
  }
};
