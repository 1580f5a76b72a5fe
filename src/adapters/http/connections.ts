import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Knows which connections are open and which of them wait for an answer, so that a close can tell them apart. */
export class ConnectionTracker {
  readonly #open = new Set<Socket>();
  /** Sockets that sent requests, and how many answers each is owed. Over TLS these are the sockets inside those of `#open`. */
  readonly #owed = new Map<Socket, number>();
  readonly #responses = new Set<ServerResponse>();
  readonly #report: ((open: number) => void) | undefined;
  #draining = false;

  constructor(report?: (open: number) => void) {
    this.#report = report;
  }

  opened(socket: Socket): void {
    this.#open.add(socket);
    this.#report?.(this.#open.size);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#report?.(this.#open.size);
    });
  }

  /** The headers of a request came in. */
  began(socket: Socket, response: ServerResponse): void {
    if (this.#draining) response.setHeader('connection', 'close');
    const owed = this.#owed.get(socket);
    if (owed === undefined) socket.once('close', () => this.#gone(socket));
    this.#owed.set(socket, (owed ?? 0) + 1);
    this.#responses.add(response);
    response.once('close', () => this.#answered(socket, response));
  }

  /** Closes what waits for nothing, at once; everything else as soon as its answer is out. */
  drain(): void {
    this.#draining = true;
    for (const response of this.#responses) if (!response.headersSent) response.setHeader('connection', 'close');
    for (const [socket, owed] of this.#owed) if (owed === 0) socket.destroy();
    this.#destroyWhenQuiet();
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #answered(socket: Socket, response: ServerResponse): void {
    this.#responses.delete(response);
    const owed = this.#owed.get(socket);
    if (owed === undefined) return;
    this.#owed.set(socket, owed - 1);
    // The answer may still be on its way to the kernel: the socket goes after it, never before.
    if (this.#draining && owed === 1) socket.destroySoon();
  }

  #gone(socket: Socket): void {
    this.#owed.delete(socket);
    if (this.#draining) this.#destroyWhenQuiet();
  }

  /** Connections that never sent a request, or are in their handshake, go when all others have closed. */
  #destroyWhenQuiet(): void {
    if (this.#owed.size === 0) this.destroyAll();
  }
}
