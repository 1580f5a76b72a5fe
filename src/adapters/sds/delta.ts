import type { Secret, Secrets } from './secrets.ts';
import {
  type RequestKind,
  requireFewNames,
  requireSecretType,
  requireShortNames,
  type SecretStream,
  WILDCARD,
} from './subscription.ts';

export interface DeltaRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly typeUrl: string;
  /** Versions that the client holds, by name; they count in the first request only. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** It has an error detail: the client refused a response. */
  readonly refused: boolean;
}

export interface DeltaResponse {
  /** For people. */
  readonly version: string;
  readonly nonce: string;
  /** Those that changed or were asked for, each name once. */
  readonly secrets: readonly Secret[];
  /** Names that do not exist for this caller. */
  readonly removed: readonly string[];
}

/** In place of a version: the client was told that there is no such secret. No hash is empty. */
const ABSENT = '';
/** In place of a version: what the client holds is not known. No hash is this short. */
const UNKNOWN = '?';

/**
 * A `DeltaSecrets` stream (SDS-40 … SDS-46): requests add names and take names away, and responses hold what changed. The
 * subscription counts whatever the nonce is. A name that the caller does not have is told as removed, and pushed when it
 * comes; only the loss of every identity ends the stream.
 */
export class Delta implements SecretStream<DeltaRequest, DeltaResponse> {
  readonly #nextNonce: () => string;
  readonly #subscribed = new Set<string>();
  #everything = false;
  /** What the client was told of each name: a version, `ABSENT` or `UNKNOWN`. */
  readonly #told = new Map<string, string>();
  #hasStarted = false;
  #secrets: Secrets | undefined;
  #responses = 0;
  /** A response was refused, and which of its secrets were taken is not known: the next one holds them all. */
  #isRefused = false;

  /** `nextNonce` gives what no response had before. */
  constructor(nextNonce: () => string) {
    this.#nextNonce = nextNonce;
  }

  request({ subscribe, unsubscribe, typeUrl, initialVersions, refused }: DeltaRequest): RequestKind {
    requireSecretType(typeUrl);
    requireShortNames([...subscribe, ...unsubscribe]);
    const isFirst = !this.#hasStarted;
    this.#hasStarted = true;
    // A first request without names asks for everything (SDS-46).
    if (isFirst && subscribe.length === 0) this.#everything = true;
    // A name that is in both lists stays subscribed: better one secret too many than one too few.
    for (const name of unsubscribe) this.#remove(name);
    for (const name of subscribe) this.#add(name);
    if (isFirst) this.#recall(initialVersions);
    this.#requireBounds();
    const isNews = refused && this.#responses > 0 && !this.#isRefused;
    if (isNews) this.#isRefused = true;
    return isNews ? 'refused' : 'taken';
  }

  update(secrets: Secrets): void {
    this.#secrets = secrets;
  }

  next(): DeltaResponse | undefined {
    const secrets = this.#secrets;
    if (secrets === undefined || !this.#hasStarted) return undefined;
    const current = this.#current(secrets);
    const removed = this.#removed(current);
    const changed = [...current].filter(
      ([name, secret]) => secret !== undefined && this.#told.get(name) !== secret.version,
    );
    if (changed.length === 0 && removed.length === 0) return undefined;
    const sent = (this.#isRefused ? [...current] : changed).flatMap(([, secret]) =>
      secret === undefined ? [] : [secret],
    );
    this.#isRefused = false;
    for (const name of removed) {
      if (this.#subscribed.has(name)) this.#told.set(name, ABSENT);
      else this.#told.delete(name);
    }
    for (const { name, version } of sent) this.#told.set(name, version);
    this.#responses += 1;
    return { version: `${this.#responses}`, nonce: this.#nextNonce(), secrets: sent, removed };
  }

  #add(name: string): void {
    // Sent in any case, even if the client is thought to have it (SDS-42).
    if (name === WILDCARD) {
      this.#everything = true;
      for (const each of this.#told.keys()) this.#told.set(each, UNKNOWN);
    } else {
      this.#subscribed.add(name);
      this.#told.set(name, UNKNOWN);
    }
  }

  /** Unknown names are fine (SDS-45). */
  #remove(name: string): void {
    if (name === WILDCARD) {
      this.#everything = false;
      for (const each of this.#told.keys()) if (!this.#subscribed.has(each)) this.#told.delete(each);
      return;
    }
    this.#subscribed.delete(name);
    // Under the wildcard the client cannot know whether it still has the name, and has to be told.
    if (this.#everything) this.#told.set(name, UNKNOWN);
    else this.#told.delete(name);
  }

  /** A new stream of a client that holds secrets already: those that are still the same are not sent again (SDS-43). */
  #recall(versions: ReadonlyMap<string, string>): void {
    for (const [name, version] of versions) {
      if (this.#everything || this.#subscribed.has(name)) this.#told.set(name, version || UNKNOWN);
    }
  }

  #requireBounds(): void {
    const everything = this.#secrets?.everything.length ?? 0;
    requireFewNames(Math.max(this.#subscribed.size, this.#told.size - everything));
  }

  /** Every name of the subscription with its secret, or with nothing where there is none. */
  #current(secrets: Secrets): ReadonlyMap<string, Secret | undefined> {
    const names = this.#subscribed.union(new Set(this.#everything ? secrets.everything : []));
    return new Map([...names].map((name) => [name, secrets.find(name)]));
  }

  /** Names that the client does not know to be absent (SDS-44). */
  #removed(current: ReadonlyMap<string, Secret | undefined>): readonly string[] {
    const names = new Set([...current.keys(), ...this.#told.keys()]);
    return [...names].filter((name) => current.get(name) === undefined && this.#told.get(name) !== ABSENT);
  }
}
