import type { CredentialRole } from '../domain/fact.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow } from '../ports/views.ts';

/** What a TLS client sent, as DER. A peer may hide its intermediates (DEC-19). */
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
