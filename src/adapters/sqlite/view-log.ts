import type { Instant } from '../../domain/instant.ts';
import { hashLeaf } from '../../domain/merkle.ts';
import { openFact, readFactLeaf } from '../../formats/fact-leaf.ts';
import { rootAt } from '../../ledger/recover.ts';
import type { LogReader } from '../../ports/views.ts';
import { LogRows } from './log-rows.ts';
import type { SqliteDatabase } from './open.ts';
import { idToBlob } from './rows.ts';

export const logReader = (db: SqliteDatabase): LogReader => {
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
