import { Refusal } from '../../domain/refusal.ts';
import { SECRET_TYPE_URL } from './messages.ts';
import type { Secrets } from './secrets.ts';

/** The name that stands for everything the caller may have. */
export const WILDCARD = '*';

/** Names that one stream may hold; far more than an Envoy has listeners and clusters. */
export const MAX_NAMES = 1000;

/** A SPIFFE ID is no longer than this, and nothing else that has a name here is. */
const MAX_NAME_CHARACTERS = 2048;

const SHOWN_NAMES = 8;
const SHOWN_CHARACTERS = 128;

/** What a request turned out to be. */
export type RequestKind =
  /** It counts: a subscription, or the word that a response was accepted. */
  | 'taken'
  /** The client refused the last response, and says so for the first time; its subscription counts. */
  | 'refused'
  /** It answers a response that is not the last one, and is ignored. */
  | 'stale';

/**
 * One stream of a client, without the wire: what it asked for, and what it was told. Both methods that take something throw
 * `Refusal` when the stream has to end.
 */
export interface SecretStream<Request, Response> {
  request(request: Request): RequestKind;
  /** From now on the caller may have these. */
  update(secrets: Secrets): void;
  /**
   * The response that is due, or nothing. It counts as sent. Called only when the client can take one, so that a slow reader
   * gets the newest and nothing in between.
   */
  next(): Response | undefined;
}

/** Refuses a request for anything but secrets; without a type it is for secrets (SDS-31). */
export const requireSecretType = (typeUrl: string): void => {
  if (typeUrl !== '' && typeUrl !== SECRET_TYPE_URL) {
    throw new Refusal('invalid_request', 'only secrets are served here', { field: 'type_url' });
  }
};

export const requireFewNames = (count: number): void => {
  if (count > MAX_NAMES) throw new Refusal('invalid_request', `at most ${MAX_NAMES} names may be asked for`);
};

/** A stream remembers the names that it was asked for, as long as it is open. */
export const requireShortNames = (names: readonly string[]): void => {
  if (names.some((name) => name.length > MAX_NAME_CHARACTERS))
    throw new Refusal('invalid_request', `a name may have at most ${MAX_NAME_CHARACTERS} characters`);
};

const listed = (names: readonly string[]): string => {
  const shown = names.slice(0, SHOWN_NAMES).map((name) => JSON.stringify(name.slice(0, SHOWN_CHARACTERS)));
  const more = names.length - shown.length;
  return `[${shown.join(' ')}]${more > 0 ? ` and ${more} more` : ''}`;
};

/** The end for names that are unknown or not this caller's, in the words that operators know from the field (SDS-28, SDS-29). */
export const notAuthorized = (names: readonly string[]): Refusal =>
  new Refusal('invalid_request', `workload is not authorized for the requested identities ${listed(names)}`);

/** The end for names that the caller had until now (SDS-30). */
export const withdrawn = (names: readonly string[]): Refusal =>
  new Refusal('no_identity', `no longer issued to this workload: ${listed(names)}`);
