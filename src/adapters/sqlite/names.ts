import type { SqliteDatabase } from './open.ts';

/** Beyond it the memory starts anew; the rows stay. */
const REMEMBERED = 50_000;

/** Turns strings that many rows share into numbers. For the writer only. */
export class Names {
  readonly #find;
  readonly #insert;
  readonly #known = new Map<string, number>();

  constructor(db: SqliteDatabase) {
    this.#find = db.prepare<[string], number>('SELECT id FROM name WHERE text = ?').pluck();
    this.#insert = db.prepare<[string]>('INSERT INTO name (text) VALUES (?)');
  }

  /** Must run inside the batch's transaction. */
  numberOf(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const number = this.#find.get(text) ?? Number(this.#insert.run(text).lastInsertRowid);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(text, number);
    return number;
  }

  optional(text: string | undefined): number | null {
    return text === undefined ? null : this.numberOf(text);
  }

  /** Rows were purged: numbers may mean nothing any more. */
  forget(): void {
    this.#known.clear();
  }
}
