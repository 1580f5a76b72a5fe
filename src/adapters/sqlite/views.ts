import type { Statement } from 'better-sqlite3';
import type { Authority } from '../../domain/authority.ts';
import type { FactOf } from '../../domain/fact.ts';
import type { Instant } from '../../domain/instant.ts';
import { hashLeaf } from '../../domain/merkle.ts';
import type { SpiffeId } from '../../domain/spiffe-id.ts';
import { openFact, readFactLeaf } from '../../formats/fact-leaf.ts';
import { rootAt } from '../../ledger/recover.ts';
import type { AuthorityReader, Change, ChangeReader, JoinTokenReader, LogReader, Views } from '../../ports/views.ts';
import { LogRows } from './log-rows.ts';
import type { ChangeMark } from './change-mark.ts';
import type { SqliteDatabase } from './open.ts';
import { RevocationRows } from './revocation-rows.ts';
import { blobToId, hexToBlob, idToBlob, parseAuthority } from './rows.ts';
import { attestationReader, credentialReader } from './view-credentials.ts';
import { entryReader, resourceReader } from './view-entries.ts';

/** Reads one table that every version of the schema has in this form: also of a store that no start brought forward yet. */
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

const logReader = (db: SqliteDatabase): LogReader => {
  const rows = new LogRows(db);
  const credential = db.prepare<[Buffer], number>('SELECT idx FROM credential WHERE id = ?').pluck();
  const decision = db.prepare<[Buffer], number>('SELECT idx FROM decision WHERE id = ?').pluck();
  const epochAt = db
    .prepare<[number], number>('SELECT epoch FROM epoch WHERE first_idx <= ? ORDER BY first_idx DESC LIMIT 1')
    .pluck();
  const reopened = db
    .prepare<[], number>('SELECT opened_ms FROM epoch WHERE first_idx > 0 ORDER BY first_idx DESC LIMIT 1')
    .pluck();
  const head = () => {
    const state = rows.state();
    if (!state) throw new Error('the store holds no log');
    const { epoch, size, root, logId } = state;
    return { epoch, size, root: Buffer.from(root).toString('hex'), logId };
  };
  return {
    head,
    reopenedAt: () => reopened.get() as Instant | undefined,
    rootAt: (size) => rootAt(size, rows.tile),
    at: (index) => {
      const bytes = rows.leaf(index);
      if (!bytes) return undefined;
      const leaf = readFactLeaf(bytes);
      const fact = openFact(leaf, rows.opening(index));
      return {
        cursor: { epoch: epochAt.get(index) ?? 1, index },
        time: leaf.time,
        kind: leaf.kind,
        clear: leaf.clear,
        leafHash: hashLeaf(bytes).toString('hex'),
        ...(fact && { fact }),
      };
    },
    find: (id) => credential.get(idToBlob(id)) ?? decision.get(idToBlob(id)),
  };
};

/** The newest index, asked of the store only when the mark has moved. */
const newestChange = (read: () => number, mark: Pick<ChangeMark, 'value'>): (() => number) => {
  let seen: number | undefined;
  let newest = -1;
  return () => {
    // The mark first: a change between the two reads is then looked for twice, never missed.
    const now = mark.value;
    if (now !== seen) {
      newest = read();
      seen = now;
    }
    return newest;
  };
};

interface StoredChange {
  readonly idx: number;
  readonly kind: Change['kind'];
  readonly subject: string;
  readonly was: SpiffeId | null;
}

const changeReader = (db: SqliteDatabase, mark: Pick<ChangeMark, 'value'> | undefined): ChangeReader => {
  const newest = db.prepare<[], number | null>('SELECT max(idx) FROM change_feed').pluck();
  const epoch = db.prepare<[], number>('SELECT epoch FROM log_state WHERE id = 1').pluck();
  // Only when it is asked for: a store that no start brought forward yet lacks the column.
  let prepared: Statement<[number, number], StoredChange> | undefined;
  const after = (index: number, limit: number): readonly StoredChange[] => {
    prepared ??= db.prepare('SELECT idx, kind, subject, was FROM change_feed WHERE idx > ? ORDER BY idx LIMIT ?');
    return prepared.all(index, limit);
  };
  const readNewest = (): number => newest.get() ?? -1;
  return {
    newest: mark ? newestChange(readNewest, mark) : readNewest,
    after: (index, limit) => {
      const now = epoch.get() ?? 1;
      return after(index, limit).map(({ idx, kind, subject, was }) => ({
        cursor: { epoch: now, index: idx },
        kind,
        subject,
        ...(was !== null && { was }),
      }));
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
