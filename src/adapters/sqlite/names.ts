import { hash } from 'node:crypto';
import type { SqliteDatabase } from './open.ts';
import { Remembered } from './remembered.ts';

/** How many octets of a digest stand for a holder: too many for anybody to find two holders with the same. */
const KEY_BYTES = 16;

/** Whom a credential is for, under which entry, and through which agent it was issued. */
export interface HolderOf {
  readonly spiffeId: string;
  readonly entry?: string;
  readonly agent?: string;
}

/** Unambiguous, since neither a SPIFFE ID nor the id of an entry holds a space. */
const holderKey = (subject: string, entry: string | null, agent: number | null): string =>
  `${subject} ${entry ?? ''} ${agent ?? ''}`;

/**
 * The numbers by which rows refer to texts and holders that many of them share (tables `name` and `holder`). Gives a new one
 * its number. For the writer only, inside the batch's transaction.
 */
export class Names {
  readonly #find;
  readonly #insert;
  readonly #findHolder;
  readonly #insertHolder;
  readonly #texts = new Remembered<string, number>();
  readonly #holders = new Remembered<string, number>();

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

  /** Forgets a holder whose row was purged: its number may be given to another. */
  forgetHolder(subject: string, entry: string | null, agent: number | null): void {
    this.#holders.delete(holderKey(subject, entry, agent));
  }

  forgetName(text: string): void {
    this.#texts.delete(text);
  }
}
