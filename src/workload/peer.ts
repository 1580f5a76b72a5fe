import { systemClock } from '../adapters/system/clock.ts';
import { Refusal } from '../domain/refusal.ts';
import { trustDomainOf } from '../domain/spiffe-id.ts';
import { readCertificate, type Certificate } from '../formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../verify/x509-path.ts';
import type { Authorizer, Peer } from './authorize.ts';
import { WorkloadError } from './errors.ts';
import type { X509Bundle } from './x509-context.ts';
import type { X509Source } from './x509-source.ts';

/** What TLS needs of a source of identities. */
export type TlsSource = Pick<X509Source, 'svid' | 'bundles' | 'on' | 'off'>;

/** Who we are, and with whom we talk. */
export interface TlsPolicy {
  readonly source: TlsSource;
  readonly authorize: Authorizer;
}

const LIMITS = { maxCertificates: 16, maxCertificateBytes: 16 * 1024 };

const anchorsOfBundle = new WeakMap<X509Bundle, readonly Certificate[]>();

const anchorsOf = (bundle: X509Bundle | undefined): readonly Certificate[] | undefined => {
  if (bundle === undefined) return undefined;
  const known = anchorsOfBundle.get(bundle);
  if (known) return known;
  const anchors = bundle.authorities.map(readCertificate);
  anchorsOfBundle.set(bundle, anchors);
  return anchors;
};

const trusted = (chain: readonly Uint8Array[], source: TlsSource): Peer => {
  const svid = readX509Svid(chain, LIMITS);
  const bundles = source.bundles();
  const { spiffeId, serial, sha256, notAfter } = verifyX509Svid({
    svid,
    rootsOf: (trustDomain) => anchorsOf(bundles.get(trustDomain)),
    now: systemClock.now(),
  });
  return { spiffeId, trustDomain: trustDomainOf(spiffeId), serial, sha256, notAfter };
};

/**
 * Verifies the chain that a peer presented, leaf first, by every rule for X.509-SVIDs (X509-50 … X509-58) and under the bundle of
 * its own trust domain alone, and then asks who may talk to us. Throws `peer_not_trusted`, `peer_not_authorized`, or what the
 * source throws when it has nothing. That the peer holds the key is for the handshake to show.
 */
export const verifyPeer = (chain: readonly Uint8Array[], { source, authorize }: TlsPolicy): Peer => {
  let peer: Peer;
  try {
    peer = trusted(chain, source);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const reason = error.reason ?? error.message;
    throw new WorkloadError('peer_not_trusted', `the peer is not trusted: ${reason}`, { cause: error });
  }
  // A promise is not a yes, whatever it becomes.
  const allowed: unknown = authorize(peer);
  if (allowed !== true) {
    throw new WorkloadError('peer_not_authorized', `the peer ${peer.spiffeId} may not talk to us`);
  }
  return peer;
};
