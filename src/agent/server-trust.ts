import { hash } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { tryDecodeBase64 } from '../formats/base64url.ts';
import { readBundle } from '../formats/bundle-reader.ts';
import { readCertificate } from '../formats/certificate.ts';
import { DerError } from '../formats/der-reader.ts';
import { parsePem } from '../formats/pem.ts';
import type { SyncBundle } from '../formats/sync-message.ts';
import type { AgentState } from '../ports/agent-state.ts';
import type { TrustAnchor } from '../ports/trust-anchor.ts';

const isCertificate = (der: Uint8Array): boolean => {
  try {
    readCertificate(der);
    return true;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
};

const authoritiesIn = (text: string, trustDomain: TrustDomain): readonly Uint8Array[] =>
  text.trimStart().startsWith('{') ? readBundle(text, trustDomain).x509Authorities : parsePem(text, 'CERTIFICATE');

/**
 * Trust in the authorities of a bundle: PEM, or the SPIFFE document. Refuses with `invalid_request` a text that is neither, or
 * holds no certificate that can be read.
 */
export const bundleAnchor = (text: string, trustDomain: TrustDomain): TrustAnchor => {
  const authorities = authoritiesIn(text, trustDomain).filter(isCertificate);
  if (authorities.length === 0) throw new Refusal('invalid_request', 'the bundle holds no X.509 authority');
  const id = hash('sha256', Buffer.concat(authorities.map((der) => hash('sha256', der, 'buffer'))), 'hex');
  return { id, load: async () => authorities };
};

export interface ServerTrustParts {
  readonly trustDomain: TrustDomain;
  readonly state: Pick<AgentState, 'trust' | 'saveTrust'>;
  readonly anchor: TrustAnchor;
}

/**
 * The authorities by which the server's certificate is verified: those of the bundle that it sent last, over connections that
 * were verified themselves; before the first such bundle, the configured anchor. What was learned under another anchor does not
 * count.
 */
export class ServerTrust {
  readonly #parts: ServerTrustParts;
  readonly #anchor: string;
  #roots: readonly Uint8Array[] = [];

  constructor(parts: ServerTrustParts) {
    this.#parts = parts;
    const learned = parts.state.trust();
    this.#anchor = parts.anchor.id ?? learned?.anchor ?? '';
    if (learned?.anchor === this.#anchor) this.#roots = learned.x509Authorities;
  }

  /** DER; the same array until they change. Empty before `ready`. */
  roots(): readonly Uint8Array[] {
    return this.#roots;
  }

  /** Resolves once there is something to trust. Refuses as the anchor does. */
  async ready(): Promise<void> {
    if (this.#roots.length === 0) this.#roots = await this.#parts.anchor.load();
  }

  /**
   * Takes over the authorities of a bundle that the server sent, and stores them; false when they are not new. Throws when they
   * cannot be stored, and has taken them over nevertheless. Ignores a bundle of another trust domain, and one without
   * authorities: after that no server could be verified from which to learn the next.
   */
  learn({ trustDomain, sequence, x509Authorities }: SyncBundle): boolean {
    if (trustDomain !== this.#parts.trustDomain) return false;
    const told = x509Authorities.map((text) => tryDecodeBase64(text)).filter((der) => der !== undefined);
    const roots = told.filter(isCertificate);
    const isSame =
      roots.length === this.#roots.length &&
      roots.every((der, at) => Buffer.compare(der, this.#roots[at] ?? der.subarray(1)) === 0);
    const { state } = this.#parts;
    if (roots.length === 0 || (isSame && state.trust()?.anchor === this.#anchor)) return false;
    this.#roots = isSame ? this.#roots : roots;
    state.saveTrust({ anchor: this.#anchor, sequence, x509Authorities: roots });
    return true;
  }
}
