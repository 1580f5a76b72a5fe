import { GatheredOctets } from '../http2/gathered-octets.ts';
import { STATUS, StatusError } from './status.ts';

const PREFIX_BYTES = 5;
/** The first request of Envoy is 61 KiB; nothing that workloads send comes near this. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** How many octets of messages that are not whole a user may have here, in all of their calls. */
const MOST_BYTES_OF_USER = 32 * 1024 * 1024;

/** Counts octets of messages that are not whole, over all calls of a user. */
export interface RequestRoom {
  bytes: number;
}

/**
 * Cuts the content of a request into messages, each behind a flag and its length (gRPC over HTTP/2). Throws `StatusError`, which ends
 * the call.
 */
export class MessageReader {
  readonly #room: RequestRoom;
  readonly #take: (message: Buffer) => void;
  readonly #rest = new GatheredOctets();
  #needed = PREFIX_BYTES;

  /** A message belongs to what was read, and is to be copied by who keeps it. */
  constructor(room: RequestRoom, take: (message: Buffer) => void) {
    this.#room = room;
    this.#take = take;
  }

  /** A message has begun, and is not whole. */
  get isAmid(): boolean {
    return this.#rest.length > 0;
  }

  push(octets: Buffer): void {
    if (this.#rest.length + octets.length < this.#needed) {
      this.#keep(octets);
      return;
    }
    this.#room.bytes -= this.#rest.length;
    let rest = this.#rest.take(octets);
    this.#needed = PREFIX_BYTES;
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + lengthOf(rest);
      if (rest.length < end) {
        this.#needed = end;
        break;
      }
      this.#take(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
    if (rest.length > 0) this.#keep(rest);
  }

  /** Forgets what is not whole. */
  drop(): void {
    this.#room.bytes -= this.#rest.length;
    this.#rest.drop();
  }

  #keep(octets: Buffer): void {
    if (this.#room.bytes + octets.length > MOST_BYTES_OF_USER)
      throw new StatusError(STATUS.RESOURCE_EXHAUSTED, 'too many requests of one user are under way');
    this.#rest.add(octets);
    this.#room.bytes += octets.length;
  }
}

const lengthOf = (message: Buffer): number => {
  if (message[0] !== 0) throw new StatusError(STATUS.UNIMPLEMENTED, 'messages are not to be compressed');
  const length = message.readUInt32BE(1);
  if (length > MAX_MESSAGE_BYTES) throw new StatusError(STATUS.RESOURCE_EXHAUSTED, 'a message larger than 1 MiB');
  return length;
};
