/** What a client has not read, of all that was sent to it, before nothing more is made for it, and nothing more read from it. */
const MOST_UNREAD_BYTES = 64 * 1024;
/** So much is copied into one piece; more goes out in several. */
const MOST_COPIED_BYTES = 16 * 1024;

/** What is used of a socket. */
export interface OutboxSocket {
  readonly writableLength: number;
  readonly destroyed: boolean;
  /** `taken` is called when the kernel has these octets, or the socket is gone. */
  write(octets: Buffer, taken?: () => void): unknown;
  cork(): void;
  uncork(): void;
}

/**
 * What goes out on a connection: all that is said in one turn of the event loop goes in one system call. Frames are given whole.
 */
export class Outbox {
  readonly #socket: OutboxSocket;
  readonly #hasRoom: () => void;
  #parts: Buffer[] = [];
  #bytes = 0;
  #sent: (() => void)[] = [];
  #isDue = false;
  #wasFull = false;
  /** Of each turn's last octets: 'drain' comes only where the socket was full, which it need not be when this is. */
  readonly #taken = (): void => this.#roomAgain();

  /** `hasRoom` is called when a client reads on, that had not. */
  constructor(socket: OutboxSocket, hasRoom: () => void) {
    this.#socket = socket;
    this.#hasRoom = hasRoom;
  }

  /** Whether the client reads what it is sent. Once this was false, `hasRoom` tells when it does again. */
  takesMore(): boolean {
    const isFull = this.#bytes + this.#socket.writableLength >= MOST_UNREAD_BYTES;
    this.#wasFull ||= isFull;
    return !isFull;
  }

  add(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.flush());
  }

  /** Has `done` called when what was added until now is with the kernel, or on its way there. */
  whenSent(done: () => void): void {
    this.#sent.push(done);
  }

  flush(): void {
    this.#isDue = false;
    const parts = this.#parts;
    if (parts.length === 0) return;
    const sent = this.#sent;
    const [only] = parts;
    this.#parts = [];
    this.#sent = [];
    if (!this.#socket.destroyed) {
      if (parts.length === 1 && only !== undefined) this.#socket.write(only, this.#taken);
      else if (this.#bytes <= MOST_COPIED_BYTES) this.#socket.write(Buffer.concat(parts, this.#bytes), this.#taken);
      else this.#writeEach(parts);
    }
    this.#bytes = 0;
    for (const done of sent) done();
  }

  #writeEach(parts: readonly Buffer[]): void {
    this.#socket.cork();
    const last = parts.length - 1;
    for (const [place, part] of parts.entries()) this.#socket.write(part, place === last ? this.#taken : undefined);
    this.#socket.uncork();
  }

  #roomAgain(): void {
    if (!this.#wasFull || this.#socket.destroyed || !this.takesMore()) return;
    this.#wasFull = false;
    this.#hasRoom();
  }
}
