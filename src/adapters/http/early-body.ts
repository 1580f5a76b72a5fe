import type { IncomingMessage } from 'node:http';
import { receive } from './receiving.ts';

/** Bodies that were read before there was room for their requests, to learn whether those are renewals. */
const bodies = new WeakMap<IncomingMessage, Buffer>();

/** The body, if it was read early: its request was found to be a renewal. */
export const earlyBody = (request: IncomingMessage): Buffer | undefined => bodies.get(request);

/** Keeps a body that was read early for whoever reads it later. */
export const keepBody = (request: IncomingMessage, octets: Buffer): void => {
  bodies.set(request, octets);
};

/** Calls `then` once there are `length` octets. */
const readRest = (request: IncomingMessage, first: Buffer, length: number, then: (octets: Buffer) => void): void => {
  const received = receive(request);
  let octets = first;
  request.on('data', (chunk: Buffer) => {
    octets = Buffer.concat([octets, chunk]);
    if (octets.length < length) return;
    received();
    then(octets);
  });
  request.once('close', received);
};

/**
 * Reads a body that was announced to have `length` octets, and calls `then` with it once it is complete; never, when the peer
 * goes away before. Nearly always it comes in one piece, with the headers.
 */
export const readEarly = (request: IncomingMessage, length: number, then: (octets: Buffer) => void): void => {
  request.once('data', (chunk: Buffer) => {
    if (chunk.length >= length) then(chunk);
    else readRest(request, chunk, length, then);
  });
};
