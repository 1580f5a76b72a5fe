import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PresentedChain } from '../../usecases/authenticate-caller.ts';
import type { Admin } from './route.ts';

/** Who is at the other end of a connection, before anything is checked. */
export interface Peer {
  readonly source: string;
  readonly certificate?: PresentedChain;
  /** Only on the local socket. */
  readonly admin?: Admin;
}

/** Certificates looked at beside the leaf. */
const MAX_INTERMEDIATES = 4;

/**
 * The chain as the client sent it. `authorized` is never read, since our own path check decides (DEC-19), and
 * `getPeerCertificate(true)` is never called, since it builds an object graph that costs more than the check (DEC-46).
 */
const presentedChain = (socket: TLSSocket): PresentedChain | undefined => {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const intermediates: Buffer[] = [];
  let next: X509Certificate | undefined = leaf.issuerCertificate;
  while (next !== undefined && intermediates.length < MAX_INTERMEDIATES) {
    intermediates.push(next.raw);
    next = next.issuerCertificate;
  }
  return { leaf: leaf.raw, intermediates };
};

const readPeer = (socket: Socket): Peer => {
  const source = socket.remoteAddress ?? 'unknown';
  const certificate = socket instanceof TLSSocket ? presentedChain(socket) : undefined;
  return { source, ...(certificate && { certificate }) };
};

/** Peers of network connections, each read once: a connection's certificate never changes, as renegotiation is off. */
export const networkPeers = (): ((socket: Socket) => Peer) => {
  const known = new WeakMap<Socket, Peer>();
  return (socket) => {
    const held = known.get(socket);
    if (held) return held;
    const peer = readPeer(socket);
    known.set(socket, peer);
    return peer;
  };
};
