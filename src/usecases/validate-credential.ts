import type { CredentialKind } from '../domain/fact.ts';
import { instant, unixSeconds } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow } from '../ports/views.ts';
import { credentialStatus } from './credential-status.ts';
import type { Issuer } from './issuer.ts';
import { readPresented, type Presented } from './read-presented.ts';

type Validator = Pick<Issuer, 'views' | 'clock' | 'follower' | 'policy'>;

/**
 * *valid*: we signed it, it is on record as it is, its time has come and is not over, nothing took it back. *revoked*: we signed
 * it and it was taken back, also if it has ended since. *expired*: its time is over. *unknown*: anything else; no more is said.
 */
export type ValidationStatus = 'valid' | 'revoked' | 'expired' | 'unknown';

export interface Validation {
  readonly status: ValidationStatus;
  readonly kind?: CredentialKind;
  /** Serial or `jti`. */
  readonly id?: RecordId;
  readonly spiffeId?: SpiffeId;
  readonly audience?: readonly string[];
  readonly scope?: readonly string[];
  /** Unix seconds. */
  readonly notBefore?: number;
  readonly expiresAt?: number;
  /** Of a revocation: a revocation's reason, `authority_revoked` or `superseded`. */
  readonly reason?: string;
  /** Unix seconds; absent where no single moment is on record. */
  readonly since?: number;
  /** The revocation, for an operator to release or explain. */
  readonly revocation?: RecordId;
}

const UNKNOWN: Validation = { status: 'unknown' };

/** The intent on record is of these very bytes (DEC-3). Its digest stays in clear when the details are erased. */
const isAsRecorded = (issuer: Validator, presented: Presented, row: CredentialRow): boolean =>
  row.credential === presented.kind && issuer.views.log.at(row.index)?.clear['digest'] === presented.digest;

/** An expired credential is judged by its last second, so that it is still told from one that was never ours. */
const isSigned = (issuer: Validator, presented: Presented, row: CredentialRow): boolean => {
  const authority = issuer.follower.authority(row.authority);
  if (authority === undefined) return false;
  const now = issuer.clock.now();
  const at = row.notAfter <= unixSeconds(now) ? instant((row.notAfter - 1) * 1000) : now;
  try {
    presented.verify(issuer, authority, at);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
};

const verdict = (
  issuer: Validator,
  row: CredentialRow,
): Pick<Validation, 'status' | 'reason' | 'since' | 'revocation'> => {
  const { state, revocation, authorityRevoked } = credentialStatus(issuer, row);
  if (revocation) {
    const { id, reason, at } = revocation;
    return { status: 'revoked', reason, since: unixSeconds(at), revocation: id };
  }
  if (authorityRevoked) return { status: 'revoked', reason: 'authority_revoked' };
  return state === 'superseded'
    ? { status: 'revoked', reason: 'superseded' }
    : { status: state === 'expired' ? state : 'valid' };
};

/**
 * Is this credential good, as far as the ledger knows, at this moment (DEC-31)? It checks signature, form, record, time and
 * revocation; it does not check that whoever shows it holds its key, nor that it was meant for the one who asks.
 */
export const validateCredential = (issuer: Validator, credential: string | Uint8Array): Validation => {
  const presented = readPresented(credential);
  const row = presented && issuer.views.credentials.get(presented.id);
  if (!presented || !row) return UNKNOWN;
  issuer.follower.refresh();
  if (!isAsRecorded(issuer, presented, row) || !isSigned(issuer, presented, row)) return UNKNOWN;
  const { kind, id, audience, scope } = presented;
  return {
    ...verdict(issuer, row),
    kind,
    id,
    spiffeId: row.spiffeId,
    ...(audience.length > 0 && { audience }),
    ...(scope.length > 0 && { scope }),
    notBefore: row.notBefore,
    expiresAt: row.notAfter,
  };
};
