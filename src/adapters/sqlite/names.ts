import type { SqliteDatabase } from './open.ts';

/** Beyond it a memory starts anew; the rows stay. */
const REMEMBERED = 20_000;

/** Whom a credential is for, and through whom it came. */
export interface HolderOf {
  readonly spiffeId: string;
  readonly entry?: string;
  readonly agent?: string;
}

/** No SPIFFE ID or id of an entry holds a space. */
const holderKey = (subject: string, entry: string | null, agent: number | null): string =>
  `${subject} ${entry ?? ''} ${agent ?? ''}`;

/** Numbers that were looked up or given lately. */
class Numbers {
  readonly #known = new Map<string, number>();

  get(key: string, find: () => number): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const number = find();
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(key, number);
    return number;
  }

  delete(key: string): void {
    this.#known.delete(key);
  }
}

/** Turns what many rows share into numbers. For the writer only, inside the batch's transaction. */
export class Names {
  readonly #find;
  readonly #insert;
  readonly #findHolder;
  readonly #insertHolder;
  readonly #texts = new Numbers();
  readonly #holders = new Numbers();

  constructor(db: SqliteDatabase) {
    this.#find = db.prepare<[string], number>('SELECT id FROM name WHERE text = ?').pluck();
    this.#insert = db.prepare<[string]>('INSERT INTO name (text) VALUES (?)');
    this.#findHolder = db
      .prepare<[string, string | null, number | null], number>(
        'SELECT id FROM holder INDEXED BY holder_subject WHERE subject = ? AND entry IS ? AND agent IS ?',
      )
      .pluck();
    this.#insertHolder = db.prepare<[string, string | null, number | null]>(
      'INSERT INTO holder (subject, entry, agent) VALUES (?, ?, ?)',
    );
  }

  numberOf(text: string): number {
    return this.#texts.get(text, () => this.#find.get(text) ?? Number(this.#insert.run(text).lastInsertRowid));
  }

  holderOf({ spiffeId, entry, agent }: HolderOf): number {
    const row = [spiffeId, entry ?? null, agent === undefined ? null : this.numberOf(agent)] as const;
    return this.#holders.get(
      holderKey(...row),
      () => this.#findHolder.get(...row) ?? Number(this.#insertHolder.run(...row).lastInsertRowid),
    );
  }

  /** Its row was purged, and its number may come to mean another. */
  forgetHolder(subject: string, entry: string | null, agent: number | null): void {
    this.#holders.delete(holderKey(subject, entry, agent));
  }

  forgetName(text: string): void {
    this.#texts.delete(text);
  }
}
