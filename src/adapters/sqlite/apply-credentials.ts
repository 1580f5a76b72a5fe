import type { FactOf } from '../../domain/fact.ts';
import type { LedgerRecord } from '../../ledger/store.ts';
import type { Filing } from './filing.ts';
import type { Names } from './names.ts';
import type { SqliteDatabase } from './open.ts';
import { hexToBlob, idToBlob, kindToCode, roleToCode } from './rows.ts';

/** Rows of what was attested, decided, issued and spent. */
export class CredentialWriter {
  readonly #names: Names;
  readonly #filing: Filing;
  readonly #credential;
  readonly #supersede;
  readonly #spend;
  readonly #attestation;
  readonly #renewed;
  readonly #agent;
  readonly #agentSvid;

  constructor(db: SqliteDatabase, names: Names, filing: Filing) {
    this.#names = names;
    this.#filing = filing;
    this.#credential = db.prepare(
      `INSERT INTO credential (id, idx, kind, role, holder, authority, not_before, not_after, spki, attestation,
         predecessor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#supersede = db.prepare('UPDATE credential SET superseded = 1 WHERE id = ?');
    // The same key may spend again (DEC-12): the memory then lasts as long as the longer of both, and the first place stays.
    this.#spend = db.prepare(
      `INSERT INTO spent (kind, key, spki, until, idx) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (kind, key) DO UPDATE SET until = max(until, excluded.until)`,
    );
    this.#attestation = db.prepare(
      `INSERT INTO attestation (id, idx, attestor, role, spiffe_id, selectors, node_key, attested_at_ms, renew_until)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    // Several nodes may be one agent, each renewing under the attestation that it came with: each of them is still needed.
    this.#renewed = db.prepare('UPDATE attestation SET renew_until = max(renew_until, ?) WHERE id = ?');
    this.#agent = db.prepare(
      `INSERT INTO agent (spiffe_id, attestation) VALUES (?, ?)
         ON CONFLICT (spiffe_id) DO UPDATE SET attestation = excluded.attestation`,
    );
    this.#agentSvid = db.prepare('UPDATE agent SET svid = ? WHERE spiffe_id = ?');
  }

  issued(fact: FactOf<'issued'>, { index }: LedgerRecord): void {
    const holder = this.#names.holderOf(fact);
    this.#credential.run(
      idToBlob(fact.id),
      index,
      kindToCode(fact.credential),
      roleToCode(fact.role),
      holder,
      this.#names.numberOf(fact.authority),
      fact.notBefore,
      fact.notAfter,
      hexToBlob(fact.spki),
      hexToBlob(fact.attestation),
      hexToBlob(fact.predecessor),
    );
    this.#filing.add(index, holder);
    if (fact.role === 'agent' && fact.credential === 'x509-svid') {
      this.#agentSvid.run(index, fact.spiffeId);
      this.#renewed.run(fact.notAfter, hexToBlob(fact.attestation));
    }
    this.#spendAll(fact, index);
  }

  attested(fact: FactOf<'attested'>, { index, time }: LedgerRecord): void {
    const id = idToBlob(fact.id);
    this.#attestation.run(
      id,
      index,
      fact.attestor,
      fact.role,
      fact.spiffeId,
      JSON.stringify(fact.selectors),
      fact.nodeKey ?? null,
      time,
      fact.renewUntil,
    );
    if (fact.role === 'agent') this.#agent.run(fact.spiffeId, id);
    this.#spendAll(fact, index);
  }

  superseded(fact: FactOf<'superseded'>): void {
    this.#supersede.run(idToBlob(fact.predecessor));
  }

  #spendAll({ spends }: FactOf<'attested'> | FactOf<'issued'>, index: number): void {
    for (const { kind, key, spki, until } of spends) this.#spend.run(kind, key, hexToBlob(spki), until, index);
  }
}
