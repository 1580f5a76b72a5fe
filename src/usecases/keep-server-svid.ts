import { unixSeconds } from '../domain/instant.ts';
import type { Issuer } from './issuer.ts';
import { issueServerSvid, type MakeKey, type ServerNames, type ServerSvid } from './issue-server-svid.ts';

type Needs = Pick<Issuer, 'clock' | 'entropy' | 'policy' | 'keys' | 'follower' | 'ledger'>;

/**
 * Keeps the server's own SVID fresh, for its TLS listeners: renewed at half of its life, and at once when its authority was
 * tainted, revoked or dropped, or the clock was set back to before it.
 */
export class ServerSvidKeeper {
  readonly #issuer: Needs;
  readonly #names: ServerNames;
  readonly #makeKey: MakeKey;
  readonly #listeners = new Set<(svid: ServerSvid) => void>();
  #svid: ServerSvid | undefined;
  #authority: string | undefined;
  #renewing: Promise<void> | undefined;

  constructor(issuer: Needs, names: ServerNames, makeKey: MakeKey) {
    this.#issuer = issuer;
    this.#names = names;
    this.#makeKey = makeKey;
  }

  /** Throws before the first `renew`. */
  current(): ServerSvid {
    if (this.#svid === undefined) throw new Error('the server has no identity yet');
    return this.#svid;
  }

  /** Calls back with every new SVID. Returns how to stop that. */
  onChange(changed: (svid: ServerSvid) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** To be called again and again: issues a new SVID when one is due. Rejects as `issueServerSvid`; the old one stays. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(): Promise<void> {
    if (!(await this.#isDue())) return;
    const { authority } = await this.#issuer.keys.issuing();
    this.#svid = await issueServerSvid(this.#issuer, this.#names, this.#makeKey);
    this.#authority = authority.id;
    for (const listener of this.#listeners) listener(this.#svid);
  }

  async #isDue(): Promise<boolean> {
    if (this.#svid === undefined) return true;
    const { notBefore, notAfter } = this.#svid;
    const now = unixSeconds(this.#issuer.clock.now());
    // Not valid yet: the clock was set back.
    if (now < notBefore || now >= (notBefore + notAfter) / 2) return true;
    const { authority } = await this.#issuer.keys.issuing();
    if (authority.id === this.#authority) return false;
    // A scheduled successor can wait for half of life; a tainted, revoked or dropped authority cannot.
    const before = this.#issuer.follower.authorities('x509-issuing').find(({ id }) => id === this.#authority);
    return before === undefined || before.tainted || before.state === 'revoked';
  }
}
