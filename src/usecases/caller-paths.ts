import { hash } from 'node:crypto';
import type { Authority } from '../domain/authority.ts';
import type { Instant } from '../domain/instant.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { readCertificate } from '../formats/certificate.ts';
import type { Certificate } from '../formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../verify/x509-path.ts';
import type { VerifiedX509Svid } from '../verify/x509-path.ts';
import type { Issuer } from './issuer.ts';

/** What is remembered of a certificate whose path was verified. Times in Unix seconds. */
export interface VerifiedCaller extends Pick<VerifiedX509Svid, 'spiffeId' | 'serial' | 'notBefore' | 'notAfter'> {
  readonly certificateSha256: string;
  readonly spkiSha256: string;
}

/** Certificates of the ledger's own CAs. */
interface Trust {
  /** The list from which it was made. */
  readonly authorities: readonly Authority[];
  readonly roots: readonly Certificate[];
  readonly issuing: readonly Certificate[];
}

const REMEMBERED = 20_000;

const isTrusted = ({ state, certificate }: Authority): boolean =>
  certificate !== undefined && state !== 'revoked' && state !== 'gone';

const certificatesOf = (authorities: readonly Authority[]): Certificate[] =>
  authorities.flatMap(({ certificate }) =>
    certificate === undefined ? [] : [readCertificate(Buffer.from(certificate, 'base64'))],
  );

/**
 * Verifies callers' certificates against the CAs in the ledger, and remembers those that passed, since the two signature checks
 * cost more than all else. It forgets all when an authority changes. Validity in time is not remembered: check it at every use.
 */
export class CallerPaths {
  readonly #verified = new Map<string, VerifiedCaller>();
  #trust: Trust = { authorities: [], roots: [], issuing: [] };

  /**
   * Refuses with `invalid_svid`. The path is built of our own CAs only (DEC-19), never of what the peer sent beside its leaf:
   * nobody can bring back a CA that was revoked.
   */
  verify(issuer: Pick<Issuer, 'follower' | 'policy'>, leaf: Uint8Array, now: Instant): VerifiedCaller {
    const trust = this.#follow(issuer);
    const certificateSha256 = hash('sha256', leaf, 'hex');
    const held = this.#verified.get(certificateSha256);
    if (held) return held;
    const verified = verifyAgainst(trust, issuer.policy.trustDomain, leaf, now);
    const made = {
      spiffeId: verified.spiffeId,
      serial: verified.serial,
      notBefore: verified.notBefore,
      notAfter: verified.notAfter,
      certificateSha256,
      spkiSha256: hash('sha256', verified.spki, 'hex'),
    };
    this.#remember(made);
    return made;
  }

  /** The follower gives the same list until an authority changes. */
  #follow({ follower }: Pick<Issuer, 'follower'>): Trust {
    const authorities = follower.authorities();
    if (authorities === this.#trust.authorities) return this.#trust;
    this.#verified.clear();
    const trusted = authorities.filter(isTrusted);
    this.#trust = {
      authorities,
      roots: certificatesOf(trusted.filter(({ purpose }) => purpose === 'x509-root')),
      issuing: certificatesOf(trusted.filter(({ purpose }) => purpose === 'x509-issuing')),
    };
    return this.#trust;
  }

  #remember(verified: VerifiedCaller): void {
    if (this.#verified.size >= REMEMBERED) {
      // The oldest goes first: short-lived certificates that came first also end first.
      const { value: oldest } = this.#verified.keys().next();
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(verified.certificateSha256, verified);
  }
}

const verifyAgainst = (trust: Trust, trustDomain: TrustDomain, leaf: Uint8Array, now: Instant): VerifiedX509Svid => {
  const presented = readX509Svid([leaf]);
  return verifyX509Svid({
    svid: { ...presented, intermediates: trust.issuing },
    rootsOf: (domain) => (domain === trustDomain ? trust.roots : undefined),
    now,
  });
};
