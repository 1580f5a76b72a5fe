import type { Attested, Decided, Fact, Issued, Leans, Spend } from '../domain/fact.ts';
import type { RefusalCode } from '../domain/refusal.ts';
import type { RevocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Changeable } from '../ports/ledger.ts';
import type { AdmissionReader } from './admission-reader.ts';

/** Why a fact is not admitted. */
export type Objection =
  | { readonly status: 'changed'; readonly what: Changeable }
  | { readonly status: 'refused'; readonly code: RefusalCode; readonly reason: string; readonly clone?: SpiffeId };

export const refused = (code: RefusalCode, reason: string): Objection => ({ status: 'refused', code, reason });

const changed = (what: Changeable): Objection => ({ status: 'changed', what });

type Check = (reader: AdmissionReader, leans: Leans) => Objection | undefined;

const callerStands: Check = (reader, { caller }) => {
  if (caller === undefined) return undefined;
  const row = reader.credential(caller);
  if (!row) return refused('unauthenticated', "the caller's credential is not on record");
  const killed = reader.revocations.killing(row, row.index);
  return killed && refused('revoked', `the caller's credential is revoked: ${killed.id}`);
};

const agentStands: Check = (reader, { agent }) => {
  if (agent === undefined) return undefined;
  const barred = reader.revocations.barring({ spiffeId: agent });
  return barred && refused('revoked', `the agent is barred: ${barred.id}`);
};

const entryStands: Check = (reader, { entry }) =>
  entry && reader.entry(entry.id)?.revision !== entry.revision ? changed('entry') : undefined;

/** An agent that has left the group since then is decided about again; the entry is then under another parent. */
const groupStands: Check = (reader, { group }) =>
  group && reader.entry(group.id)?.revision !== group.revision ? changed('entry') : undefined;

const resourceStands: Check = (reader, { resource }) =>
  resource && reader.resource(resource.identifier)?.revision !== resource.revision ? changed('resource') : undefined;

const rightsStand: Check = (reader, { rights }) =>
  rights && reader.entry(rights.id)?.revision !== rights.revision
    ? refused('forbidden', 'the entry that gave the administrator these rights was changed')
    : undefined;

const authoritySigns: Check = (reader, { authority }) =>
  authority !== undefined && reader.authority(authority)?.state !== 'active' ? changed('authority') : undefined;

const joinTokenStands: Check = (reader, { joinToken }) => {
  if (joinToken === undefined) return undefined;
  const row = reader.joinToken(joinToken);
  if (!row) return refused('attestation_refused', 'the join token is not on record');
  return row.voided ? refused('attestation_refused', 'the join token is void') : undefined;
};

const CHECKS: readonly Check[] = [
  callerStands,
  agentStands,
  entryStands,
  groupStands,
  resourceStands,
  rightsStand,
  authoritySigns,
  joinTokenStands,
];

/** DEC-4: nothing that the fact leans on was changed, revoked or dropped before it. */
const leansObjection = (reader: AdmissionReader, leans: Leans): Objection | undefined => {
  for (const check of CHECKS) {
    const objection = check(reader, leans);
    if (objection) return objection;
  }
  return undefined;
};

/** As `leansObjection` for what an operator wrote: they are told, instead of deciding again. */
export const adminObjection = (reader: AdmissionReader, leans: Leans): Objection | undefined => {
  const objection = leansObjection(reader, leans);
  if (objection?.status !== 'changed') return objection;
  return refused('precondition_failed', `the ${objection.what} was changed by someone else`);
};

const barredObjection = (reader: AdmissionReader, subject: RevocationSubject): Objection | undefined => {
  const barring = reader.revocations.barring(subject);
  return barring && refused('revoked', `nothing is issued for it: ${barring.id}`);
};

/** An agent that comes back with its node key rests on what it proved before, which must not have been taken back (DEC-13). */
const provenObjection = (reader: AdmissionReader, fact: Attested | Decided | Issued): Objection | undefined => {
  const { provenAt } = fact.leans;
  if (provenAt === undefined) return undefined;
  const lock = reader.revocations.locking(fact.spiffeId);
  if (lock) return refused('attestation_refused', `renewal is locked: ${lock.id}`);
  return cutOffSince(reader, provenAt, fact);
};

const renewalObjection = (reader: AdmissionReader, fact: Issued): Objection | undefined => {
  if (fact.predecessor === undefined) return undefined;
  const lock = reader.revocations.locking(fact.spiffeId);
  if (lock) return refused('renewal_refused', `renewal is locked: ${lock.id}`);
  const row = reader.credential(fact.predecessor);
  if (!row) return refused('renewal_refused', 'the predecessor is not on record');
  if (row.superseded) return refused('renewal_refused', 'the successor of this credential was presented already');
  const killed = reader.revocations.killing(row, row.index);
  return killed && refused('revoked', `the predecessor is revoked: ${killed.id}`);
};

const SPENT_CODE: { readonly [K in Spend['kind']]: RefusalCode } = {
  'join-token': 'attestation_refused',
  evidence: 'attestation_refused',
  challenge: 'attestation_refused',
  renewal: 'renewal_refused',
  assertion: 'invalid_client',
};

/** Evidence that was accepted before a cutoff proves nothing any more: the holder has to attest again (DEC-6). */
const cutOffSince = (
  reader: AdmissionReader,
  index: number,
  fact: Attested | Decided | Issued,
): Objection | undefined => {
  const killed = reader.revocations.killing(subjectOf(fact), index);
  return killed && refused('revoked', `what this evidence once gave is revoked: ${killed.id}`);
};

/** DEC-12: the first key wins. The same key may come again, to fetch a reply that was lost; another key that renews is a clone. */
const spendObjection = (reader: AdmissionReader, spend: Spend, fact: Attested | Issued): Objection | undefined => {
  const before = reader.spent(spend.kind, spend.key);
  if (!before) return undefined;
  if (spend.spki !== undefined && before.spki === spend.spki) {
    return before.index === undefined ? undefined : cutOffSince(reader, before.index, fact);
  }
  const code = SPENT_CODE[spend.kind];
  if (spend.kind !== 'renewal') return refused(code, `${spend.kind} was used before`);
  return { status: 'refused', code, reason: 'clone: another key renews the same credential', clone: fact.spiffeId };
};

const spendsObjection = (reader: AdmissionReader, fact: Attested | Issued): Objection | undefined => {
  for (const spend of fact.spends) {
    const objection = spendObjection(reader, spend, fact);
    if (objection) return objection;
  }
  return undefined;
};

/** Why an identity must not be given what this fact records. */
export const grantObjection = (reader: AdmissionReader, fact: Attested | Decided | Issued): Objection | undefined =>
  leansObjection(reader, fact.leans) ??
  barredObjection(reader, subjectOf(fact)) ??
  provenObjection(reader, fact) ??
  (fact.kind === 'issued' ? renewalObjection(reader, fact) : undefined) ??
  (fact.kind === 'decided' ? undefined : spendsObjection(reader, fact));

const subjectOf = (fact: Extract<Fact, Attested | Decided | Issued>): RevocationSubject => {
  const agent = fact.kind === 'issued' ? (fact.agent ?? fact.leans.agent) : fact.leans.agent;
  const entry = fact.kind === 'attested' ? fact.leans.entry?.id : (fact.entry ?? fact.leans.entry?.id);
  return {
    spiffeId: fact.spiffeId,
    ...(agent !== undefined && { agent }),
    ...(entry !== undefined && { entry }),
  };
};
