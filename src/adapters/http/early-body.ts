import type { IncomingMessage } from 'node:http';
import type { HttpRequest } from './exchange.ts';
import { receive } from './receiving.ts';
import { WholeRequest } from './whole-request.ts';

/** Bodies that were read before there was room for their requests, to learn whether those are renewals. */
const bodies = new WeakMap<HttpRequest, Buffer>();

/** The body, if it was read early: its request was found to be a renewal. */
export const earlyBody = (request: HttpRequest): Buffer | undefined => bodies.get(request);

/** Keeps a body that was read early for whoever reads it later. */
export const keepBody = (request: HttpRequest, octets: Buffer): void => {
  bodies.set(request, octets);
};

/**
 * The body, if all its `length` octets are there and nobody has begun to read it. Nearly always it comes in one packet with the
 * headers, and is whole once the parser has been through that: then a stream with listeners would be a detour.
 */
export const takeWhole = (request: IncomingMessage, length: number): Buffer | undefined => {
  const isWhole = request.complete && request.readableLength === length && request.readableFlowing === null;
  return isWhole ? ((request.read() as Buffer | null) ?? undefined) : undefined;
};

/** Calls `then` once there are `length` octets. */
const readRest = (request: IncomingMessage, length: number, then: (octets: Buffer) => void): void => {
  const received = receive(request);
  let octets = Buffer.alloc(0);
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
 * goes away before.
 */
export const readEarly = (request: HttpRequest, length: number, then: (octets: Buffer) => void): void => {
  if (request instanceof WholeRequest) {
    then(request.body);
    return;
  }
  const whole = takeWhole(request, length);
  if (whole !== undefined) then(whole);
  else readRest(request, length, then);
};
