import type { KeyId } from '../../domain/authority.ts';
import type { Fact } from '../../domain/fact.ts';
import { isRecordId, type RecordId } from '../../domain/record-id.ts';
import type { RevocationIndex } from '../../domain/revocation.ts';
import type { SpiffeId } from '../../domain/spiffe-id.ts';
import { admittedAuthority, authorityGeneration } from '../../ledger/admission-reader.ts';
import type { AdmissionReader, AdmittedAuthority } from '../../ledger/admission-reader.ts';
import { CredentialRows } from './credential-rows.ts';
import type { SqliteDatabase } from './open.ts';
import { Remembered } from './remembered.ts';
import { blobToHex, blobToId, hexToBlob, idToBlob, parseAuthority } from './rows.ts';

/** The state that admission reads, over the writer's connection. Every look-up is by a key of some index. */
export class SqliteAdmissionReader implements AdmissionReader {
  readonly revocations: RevocationIndex;
  readonly #credentials;
  readonly #decision;
  readonly #entry;
  readonly #tombstone;
  readonly #commonName;
  readonly #resource;
  readonly #resourceRevision;
  readonly #resourceName;
  readonly #joinToken;
  readonly #joinTokenHash;
  readonly #spent;
  readonly #authorities;
  readonly #credentialUsed;
  readonly #callers = new Remembered<RecordId, NonNullable<ReturnType<AdmissionReader['credential']>>>();
  readonly #revisions = new Remembered<string, number>();
  /** The greatest id of any committed credential. A greater one is surely new, and nearly all that come are (DEC-7). */
  #greatest: string;
  #authoritiesRead: Map<KeyId, AdmittedAuthority> | undefined;
  #generationsRead: ReadonlySet<string> = new Set();

  constructor(db: SqliteDatabase, revocations: RevocationIndex) {
    this.revocations = revocations;
    this.#credentials = new CredentialRows(db);
    this.#credentialUsed = db.prepare<[Buffer]>('SELECT 1 FROM credential WHERE id = ?').pluck();
    const greatest = db.prepare<[], Buffer | null>('SELECT max(id) FROM credential').pluck().get();
    this.#greatest = greatest ? blobToId(greatest) : '';
    this.#decision = db.prepare<[Buffer]>('SELECT 1 FROM decision WHERE id = ?').pluck();
    this.#entry = db.prepare<[string], number>('SELECT revision FROM entry WHERE id = ?').pluck();
    this.#tombstone = db.prepare<[string]>('SELECT 1 FROM entry_tombstone WHERE id = ?').pluck();
    this.#commonName = db
      .prepare<[string], SpiffeId>(
        'SELECT spiffe_id FROM entry INDEXED BY entry_common_name WHERE common_name = ? LIMIT 1',
      )
      .pluck();
    this.#resource = db
      .prepare<[string], number>("SELECT revision FROM resource WHERE identifier = ? AND data <> ''")
      .pluck();
    this.#resourceRevision = db.prepare<[string], number>('SELECT revision FROM resource WHERE identifier = ?').pluck();
    this.#resourceName = db.prepare<[string], string>('SELECT identifier FROM resource_name WHERE name = ?').pluck();
    this.#joinToken = db.prepare<[Buffer], number>('SELECT voided FROM join_token WHERE id = ?').pluck();
    this.#joinTokenHash = db.prepare<[Buffer]>('SELECT 1 FROM join_token WHERE hash = ?').pluck();
    this.#spent = db.prepare<[string, string], { spki: Buffer | null; idx: number | null }>(
      'SELECT spki, idx FROM spent WHERE kind = ? AND key = ?',
    );
    this.#authorities = db.prepare<[], string>('SELECT data FROM authority').pluck();
  }

  credential(id: RecordId): ReturnType<AdmissionReader['credential']> {
    return this.#callers.get(id, () => {
      const row = this.#credentials.get(id);
      return row && { ...row, credential: row.id };
    });
  }

  credentialUsed(id: RecordId): boolean {
    if (id > this.#greatest && isRecordId(id)) return false;
    return this.#credentialUsed.get(idToBlob(id)) !== undefined;
  }

  decided(id: RecordId): boolean {
    return this.#decision.get(idToBlob(id)) !== undefined;
  }

  entry(id: string): { readonly revision: number } | undefined {
    const revision = this.#revisions.get(id, () => this.#entry.get(id));
    return revision === undefined ? undefined : { revision };
  }

  entryUsed(id: string): boolean {
    return this.#entry.get(id) !== undefined || this.#tombstone.get(id) !== undefined;
  }

  commonNameOwner(commonName: string): SpiffeId | undefined {
    return this.#commonName.get(commonName);
  }

  resource(identifier: string): { readonly revision: number } | undefined {
    const revision = this.#resource.get(identifier);
    return revision === undefined ? undefined : { revision };
  }

  resourceRevision(identifier: string): number {
    return this.#resourceRevision.get(identifier) ?? 0;
  }

  resourceNamed(name: string): string | undefined {
    return this.#resourceName.get(name);
  }

  joinToken(id: RecordId): { readonly voided: boolean } | undefined {
    const voided = this.#joinToken.get(idToBlob(id));
    return voided === undefined ? undefined : { voided: voided !== 0 };
  }

  joinTokenHashUsed(hash: string): boolean {
    return this.#joinTokenHash.get(hexToBlob(hash) ?? Buffer.alloc(0)) !== undefined;
  }

  spent(kind: string, key: string): ReturnType<AdmissionReader['spent']> {
    const row = this.#spent.get(kind, key);
    return row && { ...(row.spki && { spki: blobToHex(row.spki) }), ...(row.idx !== null && { index: row.idx }) };
  }

  authority(id: KeyId): AdmittedAuthority | undefined {
    return this.#authoritiesNow().get(id);
  }

  activeAuthority(slot: string): KeyId | undefined {
    for (const [id, authority] of this.#authoritiesNow()) {
      if (authority.state === 'active' && authority.slot === slot) return id;
    }
    return undefined;
  }

  generationUsed(purposeAndGeneration: string): boolean {
    this.#authoritiesNow();
    return this.#generationsRead.has(purposeAndGeneration);
  }

  /** Forgets what a committed fact made stale. There are a handful of authorities, so all of them are read again. */
  forget(fact: Fact): void {
    if (fact.kind === 'issued') {
      if (fact.id > this.#greatest) this.#greatest = fact.id;
    } else if (fact.kind === 'superseded') this.#callers.delete(fact.predecessor);
    else if (fact.kind === 'entry-updated') this.#revisions.delete(fact.entry.id);
    else if (fact.kind === 'entry-deleted') this.#revisions.delete(fact.id);
    else if (fact.kind.startsWith('authority-')) this.#authoritiesRead = undefined;
  }

  /** Forgets a credential whose row was purged. */
  forgetCredential(id: RecordId): void {
    this.#callers.delete(id);
  }

  #authoritiesNow(): Map<KeyId, AdmittedAuthority> {
    if (this.#authoritiesRead) return this.#authoritiesRead;
    const all = this.#authorities.all().map(parseAuthority);
    this.#generationsRead = new Set(all.map(authorityGeneration));
    this.#authoritiesRead = new Map(all.map((authority) => [authority.id, admittedAuthority(authority)]));
    return this.#authoritiesRead;
  }
}
