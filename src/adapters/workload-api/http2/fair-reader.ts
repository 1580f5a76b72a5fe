import type { Socket } from 'node:net';
import type { UserShare } from './fair-turns.ts';

/** So much is looked at before the share is looked at again: what is worse than requests fits into few octets. */
const SLICE_BYTES = 8192;

/**
 * Gives what comes on a socket in the turns of its user. What was read already when the share was spent waits here, one chunk of the
 * kernel's at most; the rest stays with the client.
 */
export class FairReader {
  readonly #socket: Socket;
  readonly #share: UserShare;
  #held: Buffer[] = [];
  #isWanted = true;
  /** Takes what comes. */
  sink: (chunk: Buffer) => void;

  constructor(socket: Socket, share: UserShare, sink: (chunk: Buffer) => void) {
    this.#socket = socket;
    this.#share = share;
    this.sink = sink;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  pause(): void {
    this.#isWanted = false;
    this.#socket.pause();
  }

  resume(): void {
    this.#isWanted = true;
    if (this.#held.length === 0) this.#socket.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#held.length > 0) this.#held.push(chunk);
    else if (this.#share.isQueued) this.#hold([chunk]);
    else this.#give([chunk]);
  }

  #give(chunks: readonly Buffer[]): void {
    for (const [place, chunk] of chunks.entries()) {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        if (this.#share.isSpent) {
          this.#hold([chunk.subarray(at), ...chunks.slice(place + 1)]);
          return;
        }
        this.sink(chunk.length <= SLICE_BYTES ? chunk : chunk.subarray(at, at + SLICE_BYTES));
      }
    }
  }

  #hold(chunks: Buffer[]): void {
    this.#held = chunks;
    this.#socket.pause();
    const leave = this.#share.wait(() => {
      this.#socket.off('close', leave);
      const held = this.#held;
      this.#held = [];
      this.#give(held);
      if (this.#held.length === 0 && this.#isWanted) this.#socket.resume();
    });
    this.#socket.once('close', leave);
  }
}
