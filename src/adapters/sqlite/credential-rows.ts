import type { RecordId } from '../../domain/record-id.ts';
import type { CredentialRow } from '../../ports/views.ts';
import type { SqliteDatabase } from './open.ts';
import { blobToHex, blobToId, codeToKind, codeToRole, idToBlob } from './rows.ts';

/** A row of `credential` with its holder and its names written out. */
export interface StoredCredential {
  readonly id: Buffer;
  readonly idx: number;
  readonly kind: number;
  readonly role: number;
  readonly subject: string;
  readonly authority: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly spki: Buffer | null;
  readonly entry: string | null;
  readonly agent: string | null;
  readonly attestation: Buffer | null;
  readonly predecessor: Buffer | null;
  readonly superseded: number;
}

/** Columns and joins of a credential `c`, for every statement that reads one. CROSS keeps SQLite from starting elsewhere. */
export const CREDENTIAL_COLUMNS = `c.id, c.idx, c.kind, c.role, h.subject, k.text AS authority, c.not_before,
  c.not_after, c.spki, h.entry, a.text AS agent, c.attestation, c.predecessor, c.superseded`;

export const CREDENTIAL_NAMES = `CROSS JOIN holder h ON h.id = c.holder CROSS JOIN name k ON k.id = c.authority
  LEFT JOIN name a ON a.id = h.agent`;

export const toCredentialRow = (row: StoredCredential): CredentialRow => ({
  id: blobToId(row.id),
  index: row.idx,
  credential: codeToKind(row.kind),
  role: codeToRole(row.role),
  spiffeId: row.subject as CredentialRow['spiffeId'],
  authority: row.authority as CredentialRow['authority'],
  notBefore: row.not_before,
  notAfter: row.not_after,
  superseded: row.superseded !== 0,
  ...(row.spki && { spki: blobToHex(row.spki) }),
  ...(row.entry !== null && { entry: row.entry }),
  ...(row.agent !== null && { agent: row.agent as CredentialRow['spiffeId'] }),
  ...(row.attestation && { attestation: blobToId(row.attestation) }),
  ...(row.predecessor && { predecessor: blobToId(row.predecessor) }),
});

/** Single credentials, by serial or `jti`. */
export class CredentialRows {
  readonly #byId;

  constructor(db: SqliteDatabase) {
    this.#byId = db.prepare<[Buffer], StoredCredential>(
      `SELECT ${CREDENTIAL_COLUMNS} FROM credential c ${CREDENTIAL_NAMES} WHERE c.id = ?`,
    );
  }

  get(id: RecordId): CredentialRow | undefined {
    const row = this.#byId.get(idToBlob(id));
    return row && toCredentialRow(row);
  }
}
