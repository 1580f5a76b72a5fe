import type { Entry } from '../../domain/entry.ts';
import type { SqliteDatabase } from './open.ts';

/** How far the siblings under one selector are counted when an entry's anchor is chosen. */
const COUNTED_SIBLINGS = 1000;

/** Rows of entries. */
export class EntryWriter {
  readonly #insert;
  readonly #update;
  readonly #delete;
  readonly #bury;
  readonly #addSelector;
  readonly #removeSelectors;
  readonly #countAnchored;

  constructor(db: SqliteDatabase) {
    this.#insert = db.prepare(
      `INSERT INTO entry (revision, spiffe_id, parent_id, anchor, owner, common_name, data, id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = db.prepare(
      `UPDATE entry SET revision = ?, spiffe_id = ?, parent_id = ?, anchor = ?, owner = ?, common_name = ?, data = ?
         WHERE id = ?`,
    );
    this.#delete = db.prepare('DELETE FROM entry WHERE id = ?');
    this.#bury = db.prepare('INSERT INTO entry_tombstone (id) VALUES (?)');
    this.#addSelector = db.prepare('INSERT OR IGNORE INTO entry_selector (selector, entry) VALUES (?, ?)');
    this.#removeSelectors = db.prepare('DELETE FROM entry_selector WHERE selector = ? AND entry = ?');
    this.#countAnchored = db
      .prepare<[string, string], number>(
        `SELECT count(*) FROM (SELECT 1 FROM entry INDEXED BY entry_parent_anchor
           WHERE parent_id = ? AND anchor = ? LIMIT ${COUNTED_SIBLINGS})`,
      )
      .pluck();
  }

  /** `before` is the entry as it stood, if it did. */
  write(entry: Entry, before: Entry | undefined): void {
    if (before) this.#forgetSelectors(before);
    (before ? this.#update : this.#insert).run(
      entry.revision,
      entry.spiffeId,
      entry.parentId,
      this.#anchorOf(entry),
      entry.owner ?? null,
      entry.commonName ?? null,
      JSON.stringify(entry),
      entry.id,
    );
    for (const selector of entry.selectors) this.#addSelector.run(selector, entry.id);
  }

  delete(entry: Entry): void {
    this.#forgetSelectors(entry);
    this.#delete.run(entry.id);
    this.#bury.run(entry.id);
  }

  #forgetSelectors(entry: Entry): void {
    for (const selector of entry.selectors) this.#removeSelectors.run(selector, entry.id);
  }

  /**
   * The selector under which an entry is indexed. One is enough to find it, since it matches only if all its selectors do. The
   * one with the fewest siblings keeps look-ups short, however many entries share the others (P9).
   */
  #anchorOf(entry: Entry): string {
    let anchor = entry.selectors[0] ?? '';
    let fewest = Number.POSITIVE_INFINITY;
    for (const selector of entry.selectors) {
      const count = this.#countAnchored.get(entry.parentId, selector) ?? 0;
      if (count < fewest) [anchor, fewest] = [selector, count];
      if (count === 0) break;
    }
    return anchor;
  }
}
