import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { instant } from '../../src/domain/instant.ts';
import { readBundle } from '../../src/formats/bundle-reader.ts';
import { type Certificate, readCertificate } from '../../src/formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import { newClient } from '../../test/support/journey-client.ts';
import { TRUST_DOMAIN } from '../../test/support/x509.ts';

const NO_KEYS: JSONWebKeySet = { keys: [] };

const message = (error: unknown): string => {
  const { message: text, reason } = error as Error & { readonly reason?: string };
  return reason ?? text;
};

/** Somebody who verifies by what is published, as it was when it last looked. */
export class RelyingParty {
  readonly name: string;
  #roots: readonly Certificate[];
  #rootBytes: readonly Uint8Array[];
  #keys = NO_KEYS;
  #jwks = NO_KEYS;
  /** Issuing CAs that lead to a root of the bundle that is held. */
  #cas = new Set<string>();

  constructor(name: string, roots: readonly Uint8Array[]) {
    this.name = name;
    this.#rootBytes = roots;
    this.#roots = roots.map(readCertificate);
  }

  /** Fetches bundle and key sets from a server that it knows by the bundle it holds. Gives the ids of all keys. */
  async fetch(url: string, now: number): Promise<readonly string[]> {
    const client = newClient({ url, roots: () => this.#rootBytes, now: () => instant(now) });
    try {
      const bundle = readBundle((await client.ask('/bundle')).text, TRUST_DOMAIN);
      this.#rootBytes = bundle.x509Authorities;
      this.#roots = bundle.x509Authorities.map(readCertificate);
      this.#cas = new Set();
      this.#keys = (await client.ask('/keys')).json() as unknown as JSONWebKeySet;
      this.#jwks = (await client.ask('/oauth2/jwks')).json() as unknown as JSONWebKeySet;
      return [...this.#keys.keys, ...this.#jwks.keys].map(({ kid = '' }) => kid);
    } finally {
      client.close();
    }
  }

  /** Why an X.509-SVID is refused, or that a certificate of its chain ends before what it signed; undefined: accepted. */
  x509Problem(chain: readonly Uint8Array[], now: number): string | undefined {
    const ca = Buffer.from(chain[1] ?? []).toString('latin1');
    // What differs from one leaf to the next was verified when it was new, and by time alone it does not get better.
    if (this.#cas.has(ca)) return this.#lifeProblem(chain, now);
    try {
      const svid = readX509Svid(chain);
      const { path } = verifyX509Svid({ svid, rootsOf: () => this.#roots, now: instant(now) });
      const ends = path.map(({ notAfter }) => notAfter);
      if (ends.some((end, at) => end > (ends[at + 1] ?? Infinity))) return 'a certificate outlives its issuer';
      this.#cas.add(ca);
      return undefined;
    } catch (error) {
      return message(error);
    }
  }

  /** As `x509Problem`, with every signature. */
  x509ProblemInFull(chain: readonly Uint8Array[], now: number): string | undefined {
    this.#cas.delete(Buffer.from(chain[1] ?? []).toString('latin1'));
    return this.x509Problem(chain, now);
  }

  async tokenProblem(token: string, purpose: 'jwt-svid' | 'access-token', now: number): Promise<string | undefined> {
    const keys = createLocalJWKSet(purpose === 'jwt-svid' ? this.#keys : this.#jwks);
    try {
      await jwtVerify(token, keys, { currentDate: new Date(now), algorithms: ['ES256'] });
      return undefined;
    } catch (error) {
      return message(error);
    }
  }

  #lifeProblem(chain: readonly Uint8Array[], now: number): string | undefined {
    const certificates = chain.map(readCertificate);
    const isOver = certificates.some(
      ({ notBefore, notAfter }) => now < notBefore * 1000 || now > notAfter * 1000 + 999,
    );
    if (isOver) return 'a certificate is not valid now';
    const [leaf, ca] = certificates;
    return (leaf?.notAfter ?? 0) > (ca?.notAfter ?? 0) ? 'a certificate outlives its issuer' : undefined;
  }
}
