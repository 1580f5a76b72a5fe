import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpAnswer, HttpRequest } from './exchange.ts';

/** The one other protocol that is spoken on a listener's connections (RFC 9110 §7.8). */
export const UPGRADE_PROTOCOL = 'mayfly-sync';

/** Takes a connection over. `first` is what the peer sent right behind its request. */
export type TakeOver = (socket: Socket, first: Buffer) => void;

/** A connection that the answer to its request may hand over. */
interface Offer {
  readonly socket: Socket;
  readonly first: Buffer;
  /** Called when the connection stops being one of requests and answers: detaches the answer. */
  readonly taken: () => void;
}

const offers = new WeakMap<HttpRequest, Offer>();

/** Whether a request asks for the sync protocol. Any other upgrade is ignored, and the request answered over HTTP. */
export const asksForUpgrade = ({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === UPGRADE_PROTOCOL;

/** Remembers the connection of a request until it is answered. */
export const offerUpgrade = (request: IncomingMessage, offer: Offer): void => {
  offers.set(request, offer);
};

export const isUpgradeOffered = (request: HttpRequest): boolean => offers.has(request);

const SWITCHING = Buffer.from(
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE_PROTOCOL}\r\n\r\n`,
);

/** Answers 101 and hands the connection over, which must have been offered. A peer that has gone is not an error. */
export const switchProtocols = (response: HttpAnswer, takeOver: TakeOver): void => {
  const offer = offers.get(response.req);
  if (offer === undefined) throw new Error('this connection was not offered for another protocol');
  const { socket, first, taken } = offer;
  offers.delete(response.req);
  response.statusCode = 101;
  taken();
  if (socket.destroyed) return;
  // Whoever took it over looks after it.
  socket.setTimeout(0);
  socket.write(SWITCHING);
  try {
    takeOver(socket, first);
  } catch (error) {
    socket.destroy();
    throw error;
  }
};
