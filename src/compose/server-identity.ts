import type { TlsIdentity, TlsIdentityProvider } from '../adapters/http/tls.ts';
import { readCertificate } from '../formats/certificate.ts';
import { parsePem } from '../formats/pem.ts';
import type { Delays } from '../ports/timers.ts';

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

  /** Resolves once the certificate is none by these issuing CAs, and after `most` milliseconds in any case. */
  async leaves(tainted: readonly string[], delays: Delays, most: number): Promise<void> {
    if (!isBy(this.#identity, tainted)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = delays.after(most, resolve);
    const ended = this.onChange((identity) => {
      if (!isBy(identity, tainted)) resolve();
    });
    await promise;
    ended();
    stop();
  }
}

/** Issuing CAs by their key identifiers, hexadecimal. */
const isBy = ({ certificateChain }: TlsIdentity, issuers: readonly string[]): boolean => {
  const [leaf] = issuers.length > 0 ? parsePem(certificateChain, 'CERTIFICATE') : [];
  const issuer = leaf && readCertificate(leaf).authorityKeyId;
  return issuer !== undefined && issuers.includes(Buffer.from(issuer).toString('hex'));
};
