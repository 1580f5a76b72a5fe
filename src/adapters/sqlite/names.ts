import { hash } from 'node:crypto';
import type { SqliteDatabase } from './open.ts';

/** Beyond it a memory starts anew; the rows stay. */
const REMEMBERED = 20_000;

/** Of a digest: as many as tell any number of holders apart, whoever chose their names. */
const KEY_BYTES = 16;

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
    this.#findHolder = db.prepare<[Buffer], number>('SELECT id FROM holder WHERE key = ?').pluck();
    this.#insertHolder = db.prepare<[Buffer, string, string | null, number | null]>(
      'INSERT INTO holder (key, subject, entry, agent) VALUES (?, ?, ?, ?)',
    );
  }

  numberOf(text: string): number {
    return this.#texts.get(text, () => this.#find.get(text) ?? Number(this.#insert.run(text).lastInsertRowid));
  }

  holderOf({ spiffeId, entry, agent }: HolderOf): number {
    const row = [spiffeId, entry ?? null, agent === undefined ? null : this.numberOf(agent)] as const;
    const key = holderKey(...row);
    return this.#holders.get(key, () => {
      const digest = hash('sha256', key, 'buffer').subarray(0, KEY_BYTES);
      return this.#findHolder.get(digest) ?? Number(this.#insertHolder.run(digest, ...row).lastInsertRowid);
    });
  }

  /** Its row was purged, and its number may come to mean another. */
  forgetHolder(subject: string, entry: string | null, agent: number | null): void {
    this.#holders.delete(holderKey(subject, entry, agent));
  }

  forgetName(text: string): void {
    this.#texts.delete(text);
  }
}
