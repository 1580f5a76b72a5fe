import type { Authority } from '../../domain/authority.ts';
import type { AuthorityChanged, FactOf } from '../../domain/fact.ts';
import type { Instant } from '../../domain/instant.ts';
import { unixSeconds } from '../../domain/instant.ts';
import type { LedgerRecord } from '../../ledger/store.ts';
import type { SqliteDatabase } from './open.ts';
import { parseAuthority } from './rows.ts';

type Change = (authority: Authority, time: Instant) => Authority;

const AFTER: { readonly [K in AuthorityChanged['kind']]: Change } = {
  'authority-activated': (authority, time) => ({ ...authority, state: 'active', activatedAt: time }),
  'authority-tainted': (authority) => ({ ...authority, tainted: true }),
  'authority-revoked': (authority, time) => ({
    ...authority,
    state: 'revoked',
    retiredAt: authority.retiredAt ?? time,
  }),
  // Nothing will be signed or unsealed with it again.
  'authority-gone': (authority, time) => ({
    ...authority,
    state: 'gone',
    retiredAt: authority.retiredAt ?? time,
    key: { kind: 'absent' },
  }),
};

/** Rows of authorities. Every change of what is published moves the bundle's sequence (DEC-10). */
export class AuthorityWriter {
  readonly #find;
  readonly #upsert;
  readonly #advance;

  constructor(db: SqliteDatabase) {
    this.#find = db.prepare<[string], string>('SELECT data FROM authority WHERE id = ?').pluck();
    this.#upsert = db.prepare(
      `INSERT INTO authority (id, purpose, algorithm, generation, state, tainted, data) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, tainted = excluded.tainted, data = excluded.data`,
    );
    this.#advance = db.prepare('UPDATE bundle SET sequence = max(sequence + 1, ?) WHERE id = 1');
  }

  prepared(fact: FactOf<'authority-prepared'>, { time }: LedgerRecord): void {
    this.#write(fact.authority, time);
  }

  installed(fact: FactOf<'authority-installed'>, { time }: LedgerRecord): void {
    const { certificate, issuer, notBefore, notAfter } = fact;
    this.#write({ ...this.#get(fact.id), certificate, issuer, notBefore, notAfter }, time);
  }

  changed(fact: AuthorityChanged, { time }: LedgerRecord): void {
    if (fact.kind === 'authority-activated' && fact.replaces !== undefined) {
      this.#write({ ...this.#get(fact.replaces), state: 'old', retiredAt: time }, time);
    }
    this.#write(AFTER[fact.kind](this.#get(fact.id), time), time);
  }

  /** The published keys are the same, so the bundle's sequence stays. */
  resealed({ keys }: FactOf<'keys-resealed'>): void {
    for (const { id, blob } of keys) {
      const authority = this.#get(id);
      if (authority.key.kind !== 'sealed') throw new Error(`the private key of ${id} is not sealed in the store`);
      this.#put({ ...authority, key: { kind: 'sealed', blob } });
    }
  }

  #get(id: string): Authority {
    const data = this.#find.get(id);
    if (data === undefined) throw new Error('an admitted change names an authority that is not on record');
    return parseAuthority(data);
  }

  #write(authority: Authority, time: Instant): void {
    this.#put(authority);
    this.#advance.run(unixSeconds(time));
  }

  #put(authority: Authority): void {
    const { id, purpose, algorithm, generation, state, tainted } = authority;
    this.#upsert.run(id, purpose, algorithm, generation, state, tainted ? 1 : 0, JSON.stringify(authority));
  }
}
