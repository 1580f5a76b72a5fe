import type { IncomingMessage } from 'node:http';
import { Refusal } from '../../domain/refusal.ts';
import { earlyBody, takeWhole } from './early-body.ts';
import type { HttpRequest } from './exchange.ts';
import { receive } from './receiving.ts';
import { WholeRequest } from './whole-request.ts';

export const DEFAULT_MAX_BODY_BYTES = 64 * 1024;

/** How much of a refused body is read and dropped, so that the peer gets the answer and keeps its connection. */
const MAX_DROPPED_BYTES = 1024 * 1024;

/** The peer went away in the middle of its request: there is nobody to answer. */
export class PeerGone extends Error {
  constructor() {
    super('the peer went away');
    this.name = 'PeerGone';
  }
}

const tooLarge = (maxBytes: number): Refusal =>
  new Refusal('payload_too_large', `the body is longer than ${maxBytes} bytes`);

const EMPTY = Buffer.alloc(0);

/** Whether the request announces a body (RFC 9112 §6.3). */
export const hasBody = (request: HttpRequest): boolean =>
  request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0';

/** Reads on and throws away, up to a bound; then the connection goes. */
const drop = (request: IncomingMessage, announced: number): void => {
  if (announced > MAX_DROPPED_BYTES) return;
  let dropped = 0;
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > MAX_DROPPED_BYTES) request.destroy();
  });
};

/**
 * The body, at most `maxBytes` of it. Refuses with `payload_too_large` on the announced length before anything is read, or
 * as soon as more arrives. Rejects with `PeerGone` when the peer hangs up; the server's own timeouts bound its duration.
 */
export const readBody = (request: HttpRequest, maxBytes: number): Promise<Buffer> => {
  const early = earlyBody(request);
  if (early !== undefined) return Promise.resolve(early);
  if (!hasBody(request)) return Promise.resolve(EMPTY);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (request instanceof WholeRequest) {
    return announced > maxBytes ? Promise.reject(tooLarge(maxBytes)) : Promise.resolve(request.body);
  }
  if (announced > maxBytes) {
    drop(request, announced);
    return Promise.reject(tooLarge(maxBytes));
  }
  if (request.destroyed) return Promise.reject(new PeerGone());
  const all = announced > 0 ? takeWhole(request, announced) : undefined;
  if (all !== undefined) return Promise.resolve(all);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const received = receive(request);
  const chunks: Buffer[] = [];
  let length = 0;
  let isOver = false;
  const whole = (): void => {
    isOver = true;
    received();
    const [first] = chunks;
    resolve(chunks.length === 1 && first ? first : Buffer.concat(chunks, length));
  };
  const take = (chunk: Buffer): void => {
    if (isOver) return;
    length += chunk.length;
    if (length <= maxBytes) {
      chunks.push(chunk);
      // The parser lets no octet more through than were announced, so that nothing is left to wait for.
      if (length === announced) whole();
      return;
    }
    isOver = true;
    received();
    request.off('data', take);
    drop(request, 0);
    reject(tooLarge(maxBytes));
  };
  request.on('data', take);
  if (announced === 0) request.once('end', () => isOver || whole());
  // It comes after every error too, and errors that nobody listens for are not emitted (node:_http_incoming, `onError`).
  request.once('close', () => {
    if (isOver) return;
    received();
    // An error object takes longer to make than the rest of this function, so it is made for those who really went.
    reject(new PeerGone());
  });
  return promise;
};
