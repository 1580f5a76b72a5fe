import type { Instant } from '../../domain/instant.ts';
import type { RecordId } from '../../domain/record-id.ts';
import type { Predicate, Revocation, TargetKind } from '../../domain/revocation.ts';
import type { SqliteDatabase } from './open.ts';
import { blobToId, idToBlob } from './rows.ts';

interface StoredRevocation {
  readonly id: Buffer;
  readonly target_kind: TargetKind;
  readonly target_value: string;
  readonly predicates: string;
  readonly idx: number;
  readonly at_ms: Instant;
  readonly reason: string;
  readonly released_ms: number | null;
}

const COLUMNS = 'id, target_kind, target_value, predicates, idx, at_ms, reason, released_ms';

/** What is left of it: a release takes back all but the cutoff (DEC-6). */
const inForce = (row: StoredRevocation): Predicate[] => {
  const predicates = JSON.parse(row.predicates) as Predicate[];
  return row.released_ms === null ? predicates : predicates.filter((predicate) => predicate === 'cutoff');
};

const toRevocation = (row: StoredRevocation): Revocation => ({
  id: blobToId(row.id),
  target: { kind: row.target_kind, value: row.target_value },
  predicates: inForce(row),
  index: row.idx,
  at: row.at_ms,
  reason: row.reason,
});

/** Revocations with the predicates that are in force; a released one without a cutoff has none. */
export class RevocationRows {
  readonly #all;
  readonly #byId;

  constructor(db: SqliteDatabase) {
    this.#all = db.prepare<[], StoredRevocation>(`SELECT ${COLUMNS} FROM revocation ORDER BY idx`);
    this.#byId = db.prepare<[Buffer], StoredRevocation>(`SELECT ${COLUMNS} FROM revocation WHERE id = ?`);
  }

  active(): readonly Revocation[] {
    return this.#all
      .all()
      .map(toRevocation)
      .filter(({ predicates }) => predicates.length > 0);
  }

  get(id: RecordId): Revocation | undefined {
    const row = this.#byId.get(idToBlob(id));
    return row && toRevocation(row);
  }
}
