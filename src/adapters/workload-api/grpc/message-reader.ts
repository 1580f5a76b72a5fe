import { GatheredOctets } from '../http2/gathered-octets.ts';
import type { RoomOfCall } from './request-room.ts';
import { STATUS, StatusError } from './status.ts';

const PREFIX_BYTES = 5;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts the content of a request into messages, each behind a flag and its length (gRPC over HTTP/2). Throws `StatusError`, which ends
 * the call.
 */
export class MessageReader {
  readonly #room: RoomOfCall;
  readonly #mostBytes: number;
  readonly #take: (message: Buffer) => void;
  readonly #rest = new GatheredOctets();
  #needed = PREFIX_BYTES;
  #isHeld = false;
  #isDropped = false;

  /** None may be larger than `mostBytes`. A message belongs to what was read, and is to be copied by who keeps it. */
  constructor(room: RoomOfCall, mostBytes: number, take: (message: Buffer) => void) {
    this.#room = room;
    this.#mostBytes = mostBytes;
    this.#take = take;
  }

  /** A message has begun, and is not whole; or nobody has wanted it yet. */
  get isAmid(): boolean {
    return this.#rest.length > 0;
  }

  /** Gives no further message, not even of those that came with the last one, until `goOn`. */
  hold(): void {
    this.#isHeld = true;
  }

  goOn(): void {
    this.#isHeld = false;
    this.push(NOTHING);
  }

  push(octets: Buffer): void {
    if (this.#isDropped) return;
    if (this.#isHeld || this.#rest.length + octets.length < this.#needed) {
      this.#keep(octets);
      return;
    }
    this.#room.give(this.#rest.length);
    let rest = this.#rest.take(octets);
    this.#needed = PREFIX_BYTES;
    while (!this.#isHeld && rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#lengthOf(rest);
      if (rest.length < end) {
        this.#needed = end;
        break;
      }
      this.#take(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
    if (!this.#isDropped) this.#keep(rest);
  }

  /** Forgets what is there, and takes nothing more. */
  drop(): void {
    this.#isHeld = true;
    this.#isDropped = true;
    this.#room.give(this.#rest.length);
    this.#rest.drop();
  }

  #keep(octets: Buffer): void {
    if (octets.length === 0) return;
    this.#room.take(octets.length);
    this.#rest.add(octets);
  }

  #lengthOf(message: Buffer): number {
    if (message[0] !== 0) throw new StatusError(STATUS.UNIMPLEMENTED, 'messages are not to be compressed');
    const length = message.readUInt32BE(1);
    if (length > this.#mostBytes)
      throw new StatusError(STATUS.RESOURCE_EXHAUSTED, `a message larger than ${this.#mostBytes} octets`);
    return length;
  }
}
