import type { CredentialFilter, CredentialReader } from '../../ports/views.ts';
import { CREDENTIAL_COLUMNS, CREDENTIAL_NAMES, CredentialRows, toCredentialRow } from './credential-rows.ts';
import type { StoredCredential } from './credential-rows.ts';
import { holderConditions } from './holder-conditions.ts';
import type { SqliteDatabase } from './open.ts';
import { idToBlob } from './rows.ts';
import { credentialWalk } from './walk-credentials.ts';

interface Search {
  /** What comes before the SELECT: the holders that fit, and the places of their credentials. */
  readonly with: string;
  /** The table of credentials, as `c`. */
  readonly from: string;
  readonly where: readonly string[];
  readonly values: readonly (string | number)[];
}

/** The places of the wanted holders' credentials: of filed ones by holder, of the few others by a scan (`filing.ts`). */
const PLACES = `
  place (idx) AS (
    SELECT l.idx FROM wanted CROSS JOIN held_credential l ON l.holder = wanted.id
      WHERE l.idx < (SELECT below FROM filing WHERE id = 1)
    UNION ALL
    SELECT n.idx FROM credential n
      WHERE n.idx >= (SELECT below FROM filing WHERE id = 1) AND n.holder IN (SELECT id FROM wanted)
  )`;

/** How to find the credentials that a filter asks for. */
const search = (filter: CredentialFilter): Search => {
  const holders = holderConditions(filter);
  const where = filter.liveAt === undefined ? [] : ['c.not_after > ?'];
  const live = filter.liveAt === undefined ? [] : [filter.liveAt];
  if (holders === undefined) return { with: '', from: 'credential c', where, values: live };
  const wanted = `SELECT id FROM holder INDEXED BY ${holders.index} WHERE ${holders.sql}`;
  return {
    with: `WITH wanted (id) AS MATERIALIZED (${wanted}), ${PLACES}`,
    from: 'place CROSS JOIN credential c ON c.idx = place.idx',
    where,
    values: [...holders.values, ...live],
  };
};

const clause = (where: readonly string[]): string => (where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`);

export const credentialReader = (db: SqliteDatabase): CredentialReader => {
  const rows = new CredentialRows(db);
  const ofAgent = db.prepare<[string], StoredCredential>(
    `SELECT ${CREDENTIAL_COLUMNS} FROM agent g CROSS JOIN credential c ON c.idx = g.svid ${CREDENTIAL_NAMES}
       WHERE g.spiffe_id = ?`,
  );
  return {
    get: (id) => rows.get(id),
    newestOf: (agent) => {
      const row = ofAgent.get(agent);
      return row && toCredentialRow(row);
    },
    list: (filter, { after, limit }) => {
      const { with: places, from, where, values } = search(filter);
      const paged = after === undefined ? where : [...where, 'c.idx < (SELECT idx FROM credential WHERE id = ?)'];
      const statement = db.prepare<unknown[], StoredCredential>(
        `${places} SELECT ${CREDENTIAL_COLUMNS} FROM ${from} ${CREDENTIAL_NAMES} ${clause(paged)}
           ORDER BY c.idx DESC LIMIT ?`,
      );
      const start = after === undefined ? [] : [idToBlob(after)];
      return statement.all(...values, ...start, limit).map(toCredentialRow);
    },
    walk: credentialWalk(db),
    count: (filter) => {
      const { with: places, from, where, values } = search(filter);
      const statement = db.prepare<unknown[], number>(`${places} SELECT count(*) FROM ${from} ${clause(where)}`);
      return statement.pluck().get(...values) ?? 0;
    },
  };
};
