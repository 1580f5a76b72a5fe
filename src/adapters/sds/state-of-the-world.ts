import type { Secret, Secrets } from './secrets.ts';
import {
  notAuthorized,
  type RequestKind,
  requireFewNames,
  requireSecretType,
  requireShortNames,
  type SecretStream,
  WILDCARD,
  withdrawn,
} from './subscription.ts';

export interface StateOfTheWorldRequest {
  readonly names: readonly string[];
  readonly typeUrl: string;
  /** The nonce of the response that it answers, or empty. */
  readonly nonce: string;
  /** It has an error detail: the client refused that response. */
  readonly refused: boolean;
}

export interface StateOfTheWorldResponse {
  readonly version: string;
  readonly nonce: string;
  /** All that are subscribed, each name once. */
  readonly secrets: readonly Secret[];
}

/** What the newest request asks for, without what is in it twice. */
interface Wanted {
  readonly names: ReadonlySet<string>;
  readonly everything: boolean;
}

const isSame = (a: Wanted, b: Wanted): boolean =>
  a.everything === b.everything && a.names.size === b.names.size && a.names.isSubsetOf(b.names);

const missingIn = (secrets: Secrets, { names }: Wanted): readonly string[] =>
  [...names].filter((name) => secrets.find(name) === undefined);

/** The secrets that the names stand for, each once. */
const chosenFrom = (secrets: Secrets, { names, everything }: Wanted): readonly Secret[] =>
  [...names.union(new Set(everything ? secrets.everything : []))]
    .map((name) => secrets.find(name))
    .filter((secret) => secret !== undefined);

/** Everything, where the first request has no name (SDS-27), or the wildcard is among them. */
const wantedBy = (names: readonly string[], hasNamed: boolean): Wanted => {
  const unique = new Set(names);
  const everything = unique.delete(WILDCARD) || (unique.size === 0 && !hasNamed);
  return { names: unique, everything };
};

/**
 * A `StreamSecrets` stream (SDS-20 … SDS-31): each request replaces the subscription, and each response holds everything that
 * is subscribed. A name that the caller does not have ends the stream.
 */
export class StateOfTheWorld implements SecretStream<StateOfTheWorldRequest, StateOfTheWorldResponse> {
  readonly #nextNonce: () => string;
  #wanted: Wanted | undefined;
  #hasNamed = false;
  #secrets: Secrets | undefined;
  /** The subscription changed: an answer is due, whatever was sent before (SDS-24). */
  #isAsked = false;
  #responses = 0;
  #nonce: string | undefined;
  #isRefused = false;
  /** Versions of the last response, by name. */
  #sent: ReadonlyMap<string, string> = new Map();

  /** `nextNonce` gives what no response had before. */
  constructor(nextNonce: () => string) {
    this.#nextNonce = nextNonce;
  }

  request({ names, typeUrl, nonce, refused }: StateOfTheWorldRequest): RequestKind {
    requireSecretType(typeUrl);
    // Before the first response there is none that a nonce could be older than.
    if (this.#nonce !== undefined && nonce !== this.#nonce) return 'stale';
    requireFewNames(names.length);
    requireShortNames(names);
    const wanted = wantedBy(names, this.#hasNamed);
    if (this.#secrets !== undefined) {
      const missing = missingIn(this.#secrets, wanted);
      if (missing.length > 0) throw notAuthorized(missing);
    }
    if (names.length > 0) this.#hasNamed = true;
    if (this.#wanted === undefined || !isSame(this.#wanted, wanted)) this.#isAsked = true;
    this.#wanted = wanted;
    const isNews = refused && this.#nonce !== undefined && !this.#isRefused;
    if (isNews) this.#isRefused = true;
    return isNews ? 'refused' : 'taken';
  }

  update(secrets: Secrets): void {
    const missing = this.#wanted === undefined ? [] : missingIn(secrets, this.#wanted);
    if (missing.length > 0) throw this.#secrets === undefined ? notAuthorized(missing) : withdrawn(missing);
    this.#secrets = secrets;
  }

  next(): StateOfTheWorldResponse | undefined {
    if (this.#wanted === undefined || this.#secrets === undefined) return undefined;
    const chosen = chosenFrom(this.#secrets, this.#wanted);
    if (!this.#isAsked && !this.#isNew(chosen)) return undefined;
    this.#isAsked = false;
    this.#sent = new Map(chosen.map(({ name, version }) => [name, version]));
    // Unsubscribed from all: there is nothing to say (SDS-27).
    if (chosen.length === 0) return undefined;
    this.#responses += 1;
    this.#nonce = this.#nextNonce();
    this.#isRefused = false;
    return { version: `${this.#responses}`, nonce: this.#nonce, secrets: chosen };
  }

  #isNew(chosen: readonly Secret[]): boolean {
    return chosen.length !== this.#sent.size || chosen.some(({ name, version }) => this.#sent.get(name) !== version);
  }
}
