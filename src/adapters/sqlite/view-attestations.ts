import type { SpiffeId } from '../../domain/spiffe-id.ts';
import type { AttestationReader, AttestationRow } from '../../ports/views.ts';
import type { SqliteDatabase } from './open.ts';
import { blobToId, idToBlob } from './rows.ts';

interface StoredAttestation {
  readonly id: Buffer;
  readonly idx: number;
  readonly attestor: string;
  readonly role: AttestationRow['role'];
  readonly spiffe_id: SpiffeId;
  readonly selectors: string;
  readonly node_key: string | null;
  readonly attested_at_ms: AttestationRow['attestedAt'];
  readonly renew_until: number;
}

const ATTESTATION = `SELECT t.id, t.idx, t.attestor, t.role, t.spiffe_id, t.selectors, t.node_key, t.attested_at_ms,
  t.renew_until FROM attestation t`;

const toAttestation = (row: StoredAttestation): AttestationRow => ({
  id: blobToId(row.id),
  index: row.idx,
  attestor: row.attestor,
  role: row.role,
  spiffeId: row.spiffe_id,
  selectors: JSON.parse(row.selectors) as string[],
  attestedAt: row.attested_at_ms,
  renewUntil: row.renew_until,
  ...(row.node_key !== null && { nodeKey: row.node_key }),
});

/** Agents are listed in order of SPIFFE ID. */
export const attestationReader = (db: SqliteDatabase): AttestationReader => {
  const byId = db.prepare<[Buffer], StoredAttestation>(`${ATTESTATION} WHERE t.id = ?`);
  const newest = db.prepare<[string], StoredAttestation>(
    `${ATTESTATION} INDEXED BY attestation_spiffe_id WHERE t.spiffe_id = ? ORDER BY t.idx DESC LIMIT 1`,
  );
  const agents = db.prepare<[string, number], StoredAttestation>(
    `${ATTESTATION} JOIN (SELECT attestation FROM agent WHERE spiffe_id > ? ORDER BY spiffe_id LIMIT ?) n
       ON n.attestation = t.id ORDER BY t.spiffe_id`,
  );
  const read = (row: StoredAttestation | undefined) => row && toAttestation(row);
  return {
    get: (id) => read(byId.get(idToBlob(id))),
    newest: (spiffeId) => read(newest.get(spiffeId)),
    agents: ({ after, limit }) => agents.all(after ?? '', limit).map(toAttestation),
  };
};
