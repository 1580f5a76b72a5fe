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
 * *valid*: this server signed it, exactly this is on record, it is within its validity, and nothing revokes it. *revoked*: this
 * server signed it and it was revoked, even if it has expired since. *expired*: past its validity. *unknown*: anything else.
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
  /** Why it is revoked: the reason of the revocation, `authority_revoked` or `superseded`. */
  readonly reason?: string;
  /** Unix seconds; absent where no single moment is on record. */
  readonly since?: number;
  /** The revocation, for an operator to release or explain. */
  readonly revocation?: RecordId;
}

const UNKNOWN: Validation = { status: 'unknown' };

/** Whether the intent on record is of these very bytes (DEC-3). Its digest stays in clear when the details are erased. */
const isAsRecorded = (issuer: Validator, presented: Presented, row: CredentialRow): boolean =>
  row.credential === presented.kind && issuer.views.log.at(row.index)?.clear['digest'] === presented.digest;

/** An expired credential is verified as of its last second, which tells it from one that was never ours. */
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
 * Whether a credential is valid now as far as the ledger knows (DEC-31). Checks signature, form, record, time and revocation;
 * neither that whoever presented it holds its key, nor that it was meant for whoever asks.
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
