import type { KeyId } from '../domain/authority.ts';
import type { Spend } from '../domain/fact.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Revocation, RevocationIndex } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AdmissionReader, AdmittedAuthority } from './admission-reader.ts';

type Answer<Name extends keyof AdmissionReader> = AdmissionReader[Name] extends (...key: never[]) => infer Value
  ? Value
  : never;

/**
 * The state that admission reads, with the changes of facts that are not committed yet. Overlays stack: one for the batch,
 * and on it one for each group, so that a refused group leaves nothing behind.
 */
export class AdmissionOverlay implements AdmissionReader {
  readonly #under: AdmissionReader;
  /** By the method of `AdmissionReader` that reads it, then by key. */
  readonly #changes = new Map<string, Map<string, unknown>>();
  readonly #takeBack: (() => void)[] = [];

  constructor(under: AdmissionReader) {
    this.#under = under;
  }

  get revocations(): RevocationIndex {
    return this.#under.revocations;
  }

  credential(id: RecordId): Answer<'credential'> {
    return this.#read('credential', id, () => this.#under.credential(id));
  }

  credentialUsed(id: RecordId): boolean {
    return this.#changes.get('credential')?.has(id) === true || this.#under.credentialUsed(id);
  }

  decided(id: RecordId): boolean {
    return this.#read('decided', id, () => this.#under.decided(id));
  }

  entry(id: string): Answer<'entry'> {
    return this.#read('entry', id, () => this.#under.entry(id));
  }

  entryUsed(id: string): boolean {
    return this.#read('entryUsed', id, () => this.#under.entryUsed(id));
  }

  commonNameOwner(commonName: string): SpiffeId | undefined {
    return this.#read('commonNameOwner', commonName, () => this.#under.commonNameOwner(commonName));
  }

  resource(identifier: string): Answer<'resource'> {
    return this.#read('resource', identifier, () => this.#under.resource(identifier));
  }

  resourceRevision(identifier: string): number {
    return this.#read('resourceRevision', identifier, () => this.#under.resourceRevision(identifier));
  }

  resourceNamed(name: string): string | undefined {
    return this.#read('resourceNamed', name, () => this.#under.resourceNamed(name));
  }

  joinToken(id: RecordId): Answer<'joinToken'> {
    return this.#read('joinToken', id, () => this.#under.joinToken(id));
  }

  joinTokenHashUsed(hash: string): boolean {
    return this.#read('joinTokenHashUsed', hash, () => this.#under.joinTokenHashUsed(hash));
  }

  spent(kind: Spend['kind'], key: string): Answer<'spent'> {
    return this.#read('spent', `${kind} ${key}`, () => this.#under.spent(kind, key));
  }

  authority(id: KeyId): AdmittedAuthority | undefined {
    return this.#read('authority', id, () => this.#under.authority(id));
  }

  activeAuthority(slot: string): KeyId | undefined {
    return this.#read('activeAuthority', slot, () => this.#under.activeAuthority(slot));
  }

  generationUsed(purposeAndGeneration: string): boolean {
    return this.#read('generationUsed', purposeAndGeneration, () => this.#under.generationUsed(purposeAndGeneration));
  }

  /** What the method `name` answers for `key` from now on; `undefined` where the record is gone. */
  set<Name extends Exclude<keyof AdmissionReader, 'revocations'>>(name: Name, key: string, value: Answer<Name>): void {
    let held = this.#changes.get(name);
    if (held === undefined) {
      held = new Map();
      this.#changes.set(name, held);
    }
    held.set(key, value);
  }

  revoke(revocation: Revocation): void {
    this.revocations.add(revocation);
    this.#takeBack.push(() => this.revocations.remove(revocation.id));
  }

  release(id: RecordId): void {
    const before = this.revocations.get(id);
    if (!before) return;
    this.revocations.release(id);
    this.#takeBack.push(() => {
      this.revocations.remove(id);
      this.revocations.add(before);
    });
  }

  /** Moves the changes into `under`, the overlay that this one was made on. */
  mergeInto(under: AdmissionOverlay): void {
    for (const [name, changes] of this.#changes) {
      const held = under.#changes.get(name);
      if (!held) under.#changes.set(name, changes);
      else for (const [key, value] of changes) held.set(key, value);
    }
    under.#takeBack.push(...this.#takeBack);
  }

  /** Undoes what this overlay changed outside itself, in the index of revocations. */
  drop(): void {
    for (const undo of this.#takeBack.toReversed()) undo();
  }

  #read<Value>(name: string, key: string, below: () => Value): Value {
    const held = this.#changes.get(name);
    return held?.has(key) ? (held.get(key) as Value) : below();
  }
}
