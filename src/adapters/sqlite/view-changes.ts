import type { Statement } from 'better-sqlite3';
import type { SpiffeId } from '../../domain/spiffe-id.ts';
import type { Change, ChangeReader } from '../../ports/views.ts';
import type { ChangeMark } from './change-mark.ts';
import type { SqliteDatabase } from './open.ts';

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

export const changeReader = (db: SqliteDatabase, mark: Pick<ChangeMark, 'value'> | undefined): ChangeReader => {
  const newest = db.prepare<[], number | null>('SELECT max(idx) FROM change_feed').pluck();
  const epoch = db.prepare<[], number>('SELECT epoch FROM log_state WHERE id = 1').pluck();
  // Prepared on first use: in a store that was not migrated yet the column is missing.
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
