import { canonicalJson } from '../../formats/canonical-json.ts';
import type { Opening } from '../../formats/fact-leaf.ts';
import type { LogState } from '../../ledger/store.ts';
import type { TileReader } from '../../ledger/tiles.ts';
import type { SqliteDatabase } from './open.ts';
import { unpackText } from './packed-text.ts';

interface StateRow {
  readonly log_id: string;
  readonly trust_domain: string;
  readonly epoch: number;
  readonly size: number;
  readonly root: Buffer;
  readonly time_ms: LogState['time'];
}

/** Reads of the log itself, for writer and readers alike. */
export class LogRows {
  readonly #state;
  readonly #tile;
  readonly #leaf;
  readonly #opening;

  constructor(db: SqliteDatabase) {
    this.#state = db.prepare<[], StateRow>(
      'SELECT log_id, trust_domain, epoch, size, root, time_ms FROM log_state WHERE id = 1',
    );
    this.#tile = db.prepare<[number, number], Buffer>('SELECT hashes FROM log_tile WHERE level = ? AND n = ?').pluck();
    this.#leaf = db.prepare<[number], Buffer>('SELECT leaf FROM log_entry WHERE idx = ?').pluck();
    this.#opening = db.prepare<[number], { salt: Buffer; detail: Buffer }>(
      'SELECT salt, detail FROM audit_detail WHERE idx = ?',
    );
  }

  /** Undefined before the store's first epoch was opened. */
  state(): LogState | undefined {
    const row = this.#state.get();
    if (!row) return undefined;
    const { log_id, trust_domain, epoch, size, root, time_ms } = row;
    return { logId: log_id, trustDomain: trust_domain, epoch, size, root, time: time_ms };
  }

  readonly tile: TileReader = (level, n) => this.#tile.get(level, n);

  leaf(index: number): Uint8Array | undefined {
    const leaf = this.#leaf.get(index);
    return leaf && unpackText(leaf);
  }

  opening(index: number): Opening | undefined {
    const opening = this.#opening.get(index);
    return opening && { salt: opening.salt, detail: unpackText(opening.detail) };
  }
}

/** What the head file and operators hold on to. */
export const headJson = ({ logId, epoch, size, root }: LogState): string =>
  canonicalJson({ logId, epoch, size, root: Buffer.from(root).toString('hex') });
