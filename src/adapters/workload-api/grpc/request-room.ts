import { STATUS, StatusError } from './status.ts';

/** How many octets of requests a user may have here, in all of their calls together. */
const MOST_BYTES_OF_USER = 32 * 1024 * 1024;

/** Counts octets that are kept of a user's requests: their headers, what is not whole, and what nobody has read. */
export interface RequestRoom {
  bytes: number;
}

/** What one call has of its user's room. */
export class RoomOfCall {
  readonly #room: RequestRoom;
  #bytes = 0;

  constructor(room: RequestRoom) {
    this.#room = room;
  }

  /** Throws `StatusError` where the user has no more. */
  take(bytes: number): void {
    if (this.#room.bytes + bytes > MOST_BYTES_OF_USER)
      throw new StatusError(STATUS.RESOURCE_EXHAUSTED, 'too many requests of one user are under way');
    this.#room.bytes += bytes;
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#room.bytes -= bytes;
    this.#bytes -= bytes;
  }

  /** The call is over. */
  giveAll(): void {
    this.give(this.#bytes);
  }
}
