import type { PeerCertificate } from 'node:tls';

/** The SPIFFE IDs in a certificate, as Node.js writes its subject alternative names (quoted when they hold a comma). */
const uriNames = (subjectAltName: string): readonly string[] =>
  subjectAltName.split(', ').flatMap((name) => (name.startsWith('URI:') ? [name.slice('URI:'.length)] : []));

/** The one SPIFFE ID of a certificate; none if it has no URI name or several (X509-SVID §2). */
export const spiffeIdOf = (certificate: Pick<PeerCertificate, 'subjectaltname'>): string | undefined => {
  const [id, ...more] = uriNames(certificate.subjectaltname ?? '');
  return more.length === 0 && id?.startsWith('spiffe://') === true ? id : undefined;
};

/**
 * For `checkServerIdentity`: SPIFFE names peers by URI, so the host name plays no part. Node.js has built the chain to the
 * given roots before it asks.
 */
export const isSpiffeId =
  (expected: string) =>
  (_host: string, certificate: PeerCertificate): Error | undefined =>
    spiffeIdOf(certificate) === expected ? undefined : new Error(`the server is not ${expected}`);
