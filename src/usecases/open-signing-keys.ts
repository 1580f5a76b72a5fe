import type { Authority, AuthorityPurpose, KeyId } from '../domain/authority.ts';
import { activeOf, publishedRootOf } from '../domain/authority-life.ts';
import { Refusal } from '../domain/refusal.ts';
import { readCaCertificate } from '../formats/ca-certificate.ts';
import type { Follower } from '../ledger/follow.ts';
import type { KeyStore } from '../ports/keys.ts';
import type { Signer } from '../ports/signer.ts';
import type { IssuingCa, JwtKey, SigningKeys } from './signing-keys.ts';

const unavailable = (what: string, reason: string): Refusal => new Refusal('unavailable', what, { reason });

/**
 * The active keys, opened once each and kept by key id. Every call looks at the ledger's newest state; while nothing
 * changed it gives the same promise again.
 */
export class OpenSigningKeys implements SigningKeys {
  readonly #follower: Pick<Follower, 'refresh' | 'authorities'>;
  readonly #keyStore: Pick<KeyStore, 'open'>;
  readonly #signers = new Map<KeyId, Promise<Signer>>();
  #seen: readonly Authority[] = [];
  #ready = new Map<string, Promise<IssuingCa> | Promise<JwtKey>>();

  constructor(follower: Pick<Follower, 'refresh' | 'authorities'>, keyStore: Pick<KeyStore, 'open'>) {
    this.#follower = follower;
    this.#keyStore = keyStore;
  }

  /** Refuses with `unavailable` when no issuing CA is active, it is tainted or its root is revoked, or its key does not open. */
  issuing(): Promise<IssuingCa> {
    return this.#current('x509-issuing', () => this.#openIssuing());
  }

  /** Without `algorithm`: ES256 where there is one. Refuses with `unavailable`. */
  jwt(purpose: 'jwt-svid' | 'access-token', algorithm?: 'ES256' | 'RS256'): Promise<JwtKey> {
    return this.#current(`${purpose} ${algorithm ?? ''}`, () => this.#openJwt(purpose, algorithm));
  }

  /** A failure is not kept: the key may open at the next call. */
  #current<T extends IssuingCa | JwtKey>(name: string, open: () => Promise<T>): Promise<T> {
    this.#follow();
    const ready = this.#ready;
    const known = ready.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const opening = open();
    ready.set(name, opening);
    opening.catch(() => ready.delete(name));
    return opening;
  }

  #follow(): void {
    this.#follower.refresh();
    const authorities = this.#follower.authorities();
    if (authorities === this.#seen) return;
    this.#seen = authorities;
    this.#ready = new Map();
    const active = new Set(authorities.filter(({ state }) => state === 'active').map(({ id }) => id));
    for (const id of this.#signers.keys()) if (!active.has(id)) this.#signers.delete(id);
  }

  #signer(authority: Authority): Promise<Signer> {
    const known = this.#signers.get(authority.id);
    if (known !== undefined) return known;
    const opening = this.#keyStore.open(authority).catch((error: unknown) => {
      this.#signers.delete(authority.id);
      // What a key store throws names the key and holds nothing of it; the operator needs it.
      throw unavailable('a signing key does not open', error instanceof Error ? error.message : String(error));
    });
    this.#signers.set(authority.id, opening);
    return opening;
  }

  #active(purpose: AuthorityPurpose, algorithm?: 'ES256' | 'RS256'): Authority {
    const authority =
      algorithm === undefined
        ? (activeOf(this.#seen, purpose, 'ES256') ?? activeOf(this.#seen, purpose))
        : activeOf(this.#seen, purpose, algorithm);
    if (authority === undefined) throw unavailable('no signing key is active', `no active authority for ${purpose}`);
    if (authority.tainted)
      throw unavailable('no signing key is active', `the active authority ${authority.id} is tainted`);
    return authority;
  }

  async #openJwt(purpose: AuthorityPurpose, algorithm?: 'ES256' | 'RS256'): Promise<JwtKey> {
    const authority = this.#active(purpose, algorithm);
    return { authority, signer: await this.#signer(authority) };
  }

  async #openIssuing(): Promise<IssuingCa> {
    const authority = this.#active('x509-issuing');
    if (authority.certificate === undefined || publishedRootOf(authority, this.#seen) === undefined) {
      throw unavailable(
        'no signing key is active',
        `the root of the issuing CA ${authority.id} is not trusted any more`,
      );
    }
    const signer = await this.#signer(authority);
    const certificate = Buffer.from(authority.certificate, 'base64');
    const { subjectName, subjectKeyId } = readCaCertificate(certificate);
    return {
      authority,
      signer,
      certificate,
      chain: [certificate],
      subjectDer: subjectName,
      subjectKeyId,
      publicKey: signer.publicKey,
    };
  }
}
