import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate, DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Peer } from './authorize.ts';

/** More than any path may have; what is sent beyond it makes the chain too long. */
const MAX_PRESENTED = 17;

/** What the other side of a handshake sent, leaf first, in DER. */
export const presentedChain = (socket: TLSSocket): readonly Uint8Array[] => {
  const chain: Uint8Array[] = [];
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < MAX_PRESENTED) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
};

/** The same out of what `checkServerIdentity` is called with, which ends in a certificate that issued itself. */
export const chainOfServer = (leaf: PeerCertificate): readonly Uint8Array[] => {
  const chain: Uint8Array[] = [];
  let certificate: Partial<DetailedPeerCertificate> | undefined = leaf;
  while (certificate?.raw !== undefined && chain.length < MAX_PRESENTED) {
    chain.push(certificate.raw);
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  return chain;
};

/** On the socket itself, since http2 hands out sockets behind a proxy that passes members through. */
const PEER = Symbol('the verified peer');

interface Marked {
  readonly [PEER]?: Peer;
}

export const markPeer = (socket: TLSSocket, peer: Peer): void => {
  Object.defineProperty(socket, PEER, { value: peer });
};

/**
 * Who is at the other end of a connection that a guarded server accepted, or that `connectTls` or `WorkloadAgent` opened: the
 * `socket` of a request of http or https, `stream.session.socket` of http2. Nothing for every other connection.
 */
export const peerOf = (socket: object | null | undefined): Peer | undefined =>
  socket === null || socket === undefined ? undefined : (socket as Marked)[PEER];
