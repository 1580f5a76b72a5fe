import type { TlsIdentity, TlsIdentityProvider } from '../adapters/http/tls.ts';

/** Who the listeners of one thread say they are; replaced whenever the server's own SVID is renewed. */
export class ServerIdentity implements TlsIdentityProvider {
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();
  #identity: TlsIdentity;

  constructor(identity: TlsIdentity) {
    this.#identity = identity;
  }

  current(): TlsIdentity {
    return this.#identity;
  }

  onChange(changed: (identity: TlsIdentity) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  replace(identity: TlsIdentity): void {
    this.#identity = identity;
    for (const changed of this.#listeners) changed(identity);
  }
}
