import { Refusal } from '../../domain/refusal.ts';
import { importJwks, type VerificationKey } from '../../formats/jwk-import.ts';
import type { Clock } from '../../ports/clock.ts';
import { fetchDocument, FetchProblem, type FetchRights } from './fetch-document.ts';

/** Where an issuer's keys come from. */
export interface OidcKeyOptions {
  /** The issuer's URL: discovery starts there. */
  readonly issuer: string;
  /** `name` or `name:port`: hosts beside the issuer's own that its key set may lie on. */
  readonly hosts?: readonly string[];
  /** For the hosts above and the issuer's own; nothing that a document says adds to them. */
  readonly rights: FetchRights;
  readonly clock: Pick<Clock, 'monotonic'>;
}

const FRESH_MS = 10 * 60_000;
/** The longest life of a token of ours: a key that an issuer dropped must not count for longer (DEC-54). */
const STALE_MS = 60 * 60_000;
/** Between two attempts, whatever strangers send. */
const COOL_DOWN_MS = 30_000;

const withoutSlash = (issuer: string): string => (issuer.endsWith('/') ? issuer.slice(0, -1) : issuer);

const readUrl = (text: unknown): URL => {
  const url = typeof text === 'string' ? URL.parse(text) : null;
  if (!url) throw new FetchProblem('the discovery document has no jwks_uri');
  return url;
};

/** Throws a RangeError unless it is an https URL without query, fragment and credentials. */
const issuerUrl = (issuer: string): URL => {
  const url = URL.parse(issuer);
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new RangeError('an OIDC issuer is an https URL without query and fragment');
  }
  return url;
};

/**
 * The key set of one issuer, found by OpenID Connect discovery and kept. Asked again when it is 10 minutes old or lacks a
 * `kid`, but never more often than every 30 s; while the issuer is away, the old one serves for an hour.
 */
export class OidcKeys {
  readonly #options: OidcKeyOptions;
  readonly #issuer: URL;
  readonly #hosts: ReadonlySet<string>;
  #keys: readonly VerificationKey[] | undefined;
  #fetchedAt = 0;
  #attemptedAt: number | undefined;
  #problem = 'none were fetched';
  #pending: Promise<void> | undefined;

  /** Throws a RangeError unless the issuer is an https URL without query, fragment and credentials. */
  constructor(options: OidcKeyOptions) {
    this.#options = options;
    this.#issuer = issuerUrl(options.issuer);
    this.#hosts = new Set([this.#issuer.host, ...(options.hosts ?? [])]);
  }

  /** The keys, asked for anew if `kid` is none of them. Refuses with `unavailable` when there are none to go by. */
  async for(kid: string | undefined): Promise<readonly VerificationKey[]> {
    if (!this.#isFresh() || !this.#has(kid)) await this.#refresh();
    if (this.#keys === undefined || this.#age() > STALE_MS) {
      throw new Refusal('unavailable', 'the evidence cannot be checked now', {
        reason: `keys of the OIDC issuer: ${this.#problem}`,
        retryAfter: COOL_DOWN_MS / 1000,
      });
    }
    return this.#keys;
  }

  #age(): number {
    return this.#options.clock.monotonic() - this.#fetchedAt;
  }

  #isFresh(): boolean {
    return this.#keys !== undefined && this.#age() <= FRESH_MS;
  }

  #has(kid: string | undefined): boolean {
    return kid === undefined || this.#keys?.some((key) => key.kid === kid) === true;
  }

  /** One at a time: whoever comes meanwhile waits for the same answer. Never rejects. */
  #refresh(): Promise<void> {
    if (this.#pending) return this.#pending;
    const now = this.#options.clock.monotonic();
    if (this.#attemptedAt !== undefined && now - this.#attemptedAt < COOL_DOWN_MS) return Promise.resolve();
    this.#attemptedAt = now;
    this.#pending = this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetch(): Promise<void> {
    try {
      const discovery = new URL(`${withoutSlash(this.#issuer.href)}/.well-known/openid-configuration`);
      const metadata = await fetchDocument(discovery, this.#options.rights);
      if (metadata['issuer'] !== this.#options.issuer)
        throw new FetchProblem('the discovery document names another issuer');
      const keySet = readUrl(metadata['jwks_uri']);
      if (!this.#hosts.has(keySet.host)) throw new FetchProblem('the key set lies on a host that is not configured');
      this.#keys = importJwks(await fetchDocument(keySet, this.#options.rights));
      this.#fetchedAt = this.#options.clock.monotonic();
    } catch (error) {
      if (!(error instanceof FetchProblem) && !(error instanceof Refusal)) throw error;
      this.#problem = error.message;
    }
  }
}
