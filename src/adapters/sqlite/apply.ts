import type { Entry } from '../../domain/entry.ts';
import type { Fact, FactOf } from '../../domain/fact.ts';
import { CHANGE_KINDS } from '../../domain/fact-kinds.ts';
import type { RecordId } from '../../domain/record-id.ts';
import type { LedgerRecord } from '../../ledger/store.ts';
import { AuthorityWriter } from './apply-authorities.ts';
import { CredentialWriter } from './apply-credentials.ts';
import { EntryWriter } from './apply-entries.ts';
import { ResourceWriter } from './apply-resources.ts';
import { Filing } from './filing.ts';
import { Names } from './names.ts';
import type { SqliteDatabase } from './open.ts';
import { hexToBlob, idToBlob, parseEntry } from './rows.ts';

/** What a row of the change feed is about. */
const changeSubject = (fact: Fact): string => {
  switch (fact.kind) {
    case 'entry-created':
    case 'entry-updated':
      return fact.entry.id;
    case 'resource-created':
    case 'resource-updated':
      return fact.resource.identifier;
    case 'resource-deleted':
      return fact.identifier;
    case 'authority-prepared':
      return fact.authority.id;
    default:
      return 'id' in fact ? fact.id : '';
  }
};

/** The entry that a fact changes or deletes; none for a new one. */
const changedEntry = (fact: Fact): string | undefined => {
  if (fact.kind === 'entry-updated') return fact.entry.id;
  return fact.kind === 'entry-deleted' ? fact.id : undefined;
};

/** Turns facts into the rows that are views of them. Runs inside the batch's transaction. */
export class FactRows {
  readonly names: Names;
  readonly filing: Filing;
  readonly #credentials;
  readonly #entries;
  readonly #resources;
  readonly #authorities;
  readonly #entry;
  readonly #decision;
  readonly #joinToken;
  readonly #revocation;
  readonly #release;
  readonly #change;
  readonly #epoch;
  readonly #voidJoinTokens;
  readonly #endReadOnly;
  readonly #purgeAgent;

  constructor(db: SqliteDatabase) {
    this.names = new Names(db);
    this.filing = new Filing(db);
    this.#credentials = new CredentialWriter(db, this.names, this.filing);
    this.#entries = new EntryWriter(db);
    this.#resources = new ResourceWriter(db);
    this.#authorities = new AuthorityWriter(db);
    this.#entry = db.prepare<[string], string>('SELECT data FROM entry WHERE id = ?').pluck();
    this.#decision = db.prepare('INSERT INTO decision (id, idx) VALUES (?, ?)');
    this.#joinToken = db.prepare('INSERT INTO join_token (id, hash, purpose, expires_at) VALUES (?, ?, ?, ?)');
    this.#revocation = db.prepare(
      `INSERT INTO revocation (id, target_kind, target_value, predicates, idx, at_ms, reason)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#release = db.prepare('UPDATE revocation SET released_ms = ? WHERE id = ?');
    this.#epoch = db.prepare('INSERT INTO epoch (epoch, first_idx, opened_ms) VALUES (?, ?, ?)');
    this.#voidJoinTokens = db.prepare('UPDATE join_token SET voided = 1');
    this.#endReadOnly = db.prepare('DELETE FROM read_only');
    this.#purgeAgent = db.prepare('DELETE FROM agent WHERE spiffe_id = ? AND attestation = ?');
    this.#change = db.prepare('INSERT INTO change_feed (idx, kind, subject, was) VALUES (?, ?, ?, ?)');
  }

  apply(record: LedgerRecord): void {
    const { fact, index } = record;
    const entry = changedEntry(fact);
    const before = entry === undefined ? undefined : this.#entryNow(entry);
    this.#applyKind(fact, record, before);
    if (!CHANGE_KINDS.has(fact.kind)) return;
    this.#change.run(index, fact.kind, changeSubject(fact), before?.parentId ?? null);
  }

  /** `before` is the entry that the fact changes, as it stood. */
  #applyKind(fact: Fact, record: LedgerRecord, before: Entry | undefined): void {
    switch (fact.kind) {
      case 'issued':
        return this.#credentials.issued(fact, record);
      case 'attested':
        this.#decide(fact.id, record);
        return this.#credentials.attested(fact, record);
      case 'decided':
      case 'denied':
      case 'denials-aggregated':
        return this.#decide(fact.id, record);
      case 'agent-purged':
        this.#purgeAgent.run(fact.agent, idToBlob(fact.attestation));
        return;
      case 'superseded':
        return this.#credentials.superseded(fact);
      case 'entry-created':
      case 'entry-updated':
        return this.#entries.write(fact.entry, before);
      case 'entry-deleted':
        return this.#deleteEntry(before);
      case 'resource-created':
      case 'resource-updated':
        return this.#resources.write(fact.resource);
      case 'resource-deleted':
        return this.#resources.delete(fact.identifier);
      case 'join-token-created':
        this.#decide(fact.id, record);
        this.#joinToken.run(idToBlob(fact.id), hexToBlob(fact.hash), JSON.stringify(fact.purpose), fact.expiresAt);
        return;
      case 'revoked':
        return this.#revoke(fact, record);
      case 'revocation-released':
        this.#release.run(record.time, idToBlob(fact.id));
        return;
      case 'authority-prepared':
        return this.#authorities.prepared(fact, record);
      case 'authority-installed':
        return this.#authorities.installed(fact, record);
      case 'authority-activated':
      case 'authority-tainted':
      case 'authority-revoked':
      case 'authority-gone':
        return this.#authorities.changed(fact, record);
      case 'keys-resealed':
        return this.#authorities.resealed(fact);
      case 'epoch-opened':
        return this.#openEpoch(fact, record);
      case 'server-started':
      case 'server-stopped':
      case 'details-erased':
        return;
      default:
        fact satisfies never;
    }
  }

  #openEpoch(fact: FactOf<'epoch-opened'>, { index, time }: LedgerRecord): void {
    this.#epoch.run(fact.epoch, index, time);
    if (fact.previous === undefined) return;
    // Some may have been redeemed in what is lost (DEC-10).
    this.#voidJoinTokens.run();
    this.#endReadOnly.run();
  }

  #decide(id: RecordId, { index }: LedgerRecord): void {
    this.#decision.run(idToBlob(id), index);
  }

  #entryNow(id: string): Entry | undefined {
    const data = this.#entry.get(id);
    return data === undefined ? undefined : parseEntry(data);
  }

  #deleteEntry(entry: Entry | undefined): void {
    if (!entry) throw new Error('an admitted deletion names an entry that is not on record');
    this.#entries.delete(entry);
  }

  #revoke(fact: FactOf<'revoked'>, record: LedgerRecord): void {
    this.#decide(fact.id, record);
    this.#revocation.run(
      idToBlob(fact.id),
      fact.target.kind,
      fact.target.value,
      JSON.stringify(fact.predicates),
      record.index,
      record.time,
      fact.reason,
    );
  }
}
