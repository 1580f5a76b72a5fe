import type { CredentialRole } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { Instant } from '../domain/instant.ts';
import { isRecordId } from '../domain/record-id.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { revocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Appended } from '../ports/ledger.ts';
import type { CredentialRow } from '../ports/views.ts';
import { CallerPaths } from './caller-paths.ts';
import type { VerifiedCaller } from './caller-paths.ts';
import type { Issuer } from './issuer.ts';
import type { DenialSubject } from './record-denial.ts';

/** The certificates that a TLS client sent, as DER; perhaps without the intermediates (DEC-19). One object per connection. */
export interface PresentedChain {
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
}

/** The holder of one of our X509-SVIDs, good at the moment of the request. */
export interface Caller {
  readonly serial: RecordId;
  readonly spiffeId: SpiffeId;
  /** From the ledger's row, never from the SPIFFE ID's path (DEC-14). */
  readonly role: CredentialRole;
  readonly row: CredentialRow;
  /** SHA-256 of the certificate's DER, hexadecimal. */
  readonly certificateSha256: string;
  /** SHA-256 of the SPKI, hexadecimal. */
  readonly spkiSha256: string;
  /** Unix seconds. */
  readonly notAfter: number;
}

/** Why a caller was not authenticated, with what the denial should name. The caller reads the same text for every reason. */
export class CallerRefusal extends Refusal {
  readonly subject: Pick<DenialSubject, 'spiffeId' | 'caller' | 'agent' | 'entry'>;

  constructor(reason: string, row?: CredentialRow) {
    super('unauthenticated', 'a client certificate that is accepted here is required', { reason });
    this.subject = row
      ? {
          spiffeId: row.spiffeId,
          caller: row.id,
          ...(row.agent !== undefined && { agent: row.agent }),
          ...(row.entry !== undefined && { entry: row.entry }),
        }
      : {};
  }
}

/** What a front end remembers of its callers from one request to the next. */
export class CallerMemory {
  readonly paths = new CallerPaths();
  /**
   * The rows of connections whose credential was accepted. Only `superseded` ever changes in a row, and a successor that is
   * presented elsewhere does not cut them off (DEC-12), so each row is read once per connection.
   */
  readonly admitted = new WeakMap<PresentedChain, CredentialRow>();
  readonly onSuperseded: (predecessor: RecordId) => void;

  /** `onSuperseded` is called with each credential whose successor was presented here: it is refused from then on. */
  constructor(onSuperseded: (predecessor: RecordId) => void = () => undefined) {
    this.onSuperseded = onSuperseded;
  }
}

type Slice = Pick<Issuer, 'clock' | 'policy' | 'views' | 'follower' | 'ledger'>;

const verifyPath = (issuer: Slice, memory: CallerMemory, leaf: Uint8Array, now: Instant): VerifiedCaller => {
  try {
    return memory.paths.verify(issuer, leaf, now);
  } catch (error) {
    if (error instanceof Refusal) throw new CallerRefusal(error.reason ?? error.message);
    throw error;
  }
};

/** The row of a certificate whose path was verified. Refuses one that the ledger does not know as exactly this. */
const rowOf = (issuer: Slice, verified: VerifiedCaller): CredentialRow => {
  const { serial, spkiSha256, spiffeId } = verified;
  const row = isRecordId(serial) ? issuer.views.credentials.get(serial) : undefined;
  if (row === undefined || row.credential !== 'x509-svid') throw new CallerRefusal('the serial is not on record');
  if (row.spki !== spkiSha256) throw new CallerRefusal('the key is not the one on record for the serial', row);
  if (row.spiffeId !== spiffeId) throw new CallerRefusal('the SPIFFE ID is not the one on record for the serial', row);
  return row;
};

const checkTime = (verified: VerifiedCaller, row: CredentialRow, now: Instant): void => {
  const seconds = unixSeconds(now);
  if (seconds < verified.notBefore) throw new CallerRefusal('the credential is not valid yet', row);
  if (seconds > Math.min(verified.notAfter, row.notAfter)) throw new CallerRefusal('the credential has expired', row);
};

const checkRevocation = (issuer: Slice, row: CredentialRow): void => {
  const revocation = issuer.follower.revocations.killing(revocationSubject(row), row.index);
  if (revocation) throw new CallerRefusal(`revoked by ${revocation.id}`, row);
};

const checkSuperseded = (row: CredentialRow): void => {
  if (!row.superseded) return;
  throw new CallerRefusal('the credential was renewed, and its successor has been presented', row);
};

/** The first sight of a successor ends its predecessor, on record before the request goes on (DEC-12). */
const supersede = async (issuer: Slice, memory: CallerMemory, row: CredentialRow): Promise<void> => {
  if (row.predecessor === undefined) return;
  const predecessor = issuer.views.credentials.get(row.predecessor);
  if (predecessor === undefined || predecessor.superseded) return;
  const fact = { kind: 'superseded', predecessor: predecessor.id, successor: row.id } as const;
  let appended: Appended;
  try {
    appended = await issuer.ledger.append({ facts: [fact] });
  } catch (error) {
    // While nothing can be recorded nothing is issued to either of them; requests that only read go on.
    if (error instanceof Refusal && error.code === 'read_only') return;
    throw error;
  }
  if (appended.status === 'committed') memory.onSuperseded(predecessor.id);
  // If not committed: another front end may have been first. Otherwise this caller must not go on.
  if (appended.status === 'committed' || issuer.views.credentials.get(predecessor.id)?.superseded) return;
  throw new Refusal('unavailable', 'the renewal could not be put on record', { retryAfter: 1 });
};

/**
 * Who is calling, from the certificate of its TLS connection. Path and row are remembered, and succession is settled at the
 * connection's first request; time and revocation are checked at every request (DEC-19). Refuses with a `CallerRefusal`
 * (`unauthenticated`), which is for the caller of this function to record, and as the ledger does when a succession has to be
 * recorded.
 */
export const authenticateCaller = async (
  issuer: Slice,
  memory: CallerMemory,
  presented: PresentedChain | undefined,
): Promise<Caller> => {
  if (presented === undefined) throw new CallerRefusal('no client certificate');
  issuer.follower.refresh();
  const now = issuer.clock.now();
  const verified = verifyPath(issuer, memory, presented.leaf, now);
  const admitted = memory.admitted.get(presented);
  const row = admitted ?? rowOf(issuer, verified);
  checkTime(verified, row, now);
  checkRevocation(issuer, row);
  if (!admitted) {
    checkSuperseded(row);
    await supersede(issuer, memory, row);
    memory.admitted.set(presented, row);
  }
  return {
    serial: row.id,
    spiffeId: row.spiffeId,
    role: row.role,
    row,
    certificateSha256: verified.certificateSha256,
    spkiSha256: verified.spkiSha256,
    notAfter: row.notAfter,
  };
};
