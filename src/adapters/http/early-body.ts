import type { IncomingMessage } from 'node:http';
import { receive } from './receiving.ts';

/** Bodies that were read to decide whether there is room for their request. */
const bodies = new WeakMap<IncomingMessage, Buffer>();

/** The body, if it was read early: by then its request was found to be a renewal. */
export const earlyBody = (request: IncomingMessage): Buffer | undefined => bodies.get(request);

/**
 * Reads a body of `length` octets, as it was announced, and keeps it for `earlyBody`. `then` is called with it when it is whole,
 * and never when the peer goes away before. Nearly always it comes in one piece, with the headers.
 */
export const readEarly = (request: IncomingMessage, length: number, then: (octets: Buffer) => void): void => {
  const received = receive(request);
  let octets: Buffer | undefined;
  request.on('data', (chunk: Buffer) => {
    octets = octets === undefined ? chunk : Buffer.concat([octets, chunk]);
    if (octets.length < length) return;
    received();
    bodies.set(request, octets);
    then(octets);
  });
  request.once('close', received);
};
