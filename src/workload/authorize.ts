import { parseOperatorSpiffeId, type SpiffeId } from '../domain/spiffe-id.ts';
import { parseOperatorTrustDomain, type TrustDomain } from '../domain/trust-domain.ts';

/** Who is at the other end, after every check. Times in Unix seconds. */
export interface Peer {
  readonly spiffeId: SpiffeId;
  readonly trustDomain: TrustDomain;
  readonly serial: string;
  /** SHA-256 of the leaf's DER, hexadecimal. */
  readonly sha256: string;
  /** The end of the whole chain. */
  readonly notAfter: number;
}

/** Whether a peer, whose certificate is known to be good, may talk to us. Only `true` means yes. */
export type Authorizer = (peer: Peer) => boolean;

/** Names that a program is built with are right or a mistake of its author's. */
const read = <Name>(parse: (text: string) => Name, text: string): Name => {
  try {
    return parse(text);
  } catch (error) {
    throw new TypeError(`"${text}": ${(error as Error).message}`, { cause: error });
  }
};

/** One identity. Throws a TypeError when it is no SPIFFE ID, as the others do. */
export const exactly = (spiffeId: string): Authorizer => {
  const expected = read(parseOperatorSpiffeId, spiffeId);
  return (peer) => peer.spiffeId === expected;
};

/** One of several identities. */
export const oneOf = (...spiffeIds: readonly string[]): Authorizer => {
  const expected = new Set(spiffeIds.map((id) => read(parseOperatorSpiffeId, id)));
  return (peer) => expected.has(peer.spiffeId);
};

/** Every identity of a trust domain. */
export const memberOf = (trustDomain: string): Authorizer => {
  const expected = read(parseOperatorTrustDomain, trustDomain);
  return (peer) => peer.trustDomain === expected;
};
