import type { Authority } from '../../domain/authority.ts';
import type { FactOf } from '../../domain/fact.ts';
import type { AuthorityReader, JoinTokenReader, Views } from '../../ports/views.ts';
import type { ChangeMark } from './change-mark.ts';
import type { SqliteDatabase } from './open.ts';
import { RevocationRows } from './revocation-rows.ts';
import { blobToId, hexToBlob, parseAuthority } from './rows.ts';
import { attestationReader } from './view-attestations.ts';
import { changeReader } from './view-changes.ts';
import { credentialReader } from './view-credentials.ts';
import { entryReader } from './view-entries.ts';
import { logReader } from './view-log.ts';
import { resourceReader } from './view-resources.ts';

/** Also reads a store that was not migrated yet: every version of the schema has these tables in this form. */
export const authorityReader = (db: SqliteDatabase): AuthorityReader => {
  const get = db.prepare<[string], string>('SELECT data FROM authority WHERE id = ?').pluck();
  const list = db
    .prepare<[], string>(`SELECT data FROM authority WHERE state <> 'gone' ORDER BY purpose, generation, id`)
    .pluck();
  const sequence = db.prepare<[], number>('SELECT sequence FROM bundle WHERE id = 1').pluck();
  return {
    get: (id) => {
      const data = get.get(id);
      return data === undefined ? undefined : parseAuthority(data);
    },
    list: (purpose): readonly Authority[] =>
      list
        .all()
        .map(parseAuthority)
        .filter((authority) => purpose === undefined || authority.purpose === purpose),
    bundleSequence: () => sequence.get() ?? 0,
  };
};

const joinTokenReader = (db: SqliteDatabase): JoinTokenReader => {
  const byHash = db.prepare<[Buffer | null], { id: Buffer; purpose: string; expires_at: number; voided: number }>(
    'SELECT id, purpose, expires_at, voided FROM join_token WHERE hash = ?',
  );
  return {
    byHash: (hash) => {
      const row = byHash.get(hexToBlob(hash));
      return (
        row && {
          id: blobToId(row.id),
          purpose: JSON.parse(row.purpose) as FactOf<'join-token-created'>['purpose'],
          expiresAt: row.expires_at,
          voided: row.voided !== 0,
        }
      );
    },
  };
};

/**
 * Every reader of `ports/views`, over one read-only connection with statements prepared once. `changes` is the mark of the
 * writer in this process; without it the change feed itself is read each time.
 */
export const sqliteViews = (db: SqliteDatabase, changes?: Pick<ChangeMark, 'value'>): Views => {
  const revocations = new RevocationRows(db);
  return {
    entries: entryReader(db),
    resources: resourceReader(db),
    credentials: credentialReader(db),
    attestations: attestationReader(db),
    joinTokens: joinTokenReader(db),
    authorities: authorityReader(db),
    revocations: { active: () => revocations.active(), get: (id) => revocations.get(id) },
    log: logReader(db),
    changes: changeReader(db, changes),
  };
};
