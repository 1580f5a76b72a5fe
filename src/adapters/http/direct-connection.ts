import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Delays } from '../../ports/timers.ts';
import { type AnswerLines, WholeAnswer } from './whole-answer.ts';
import { type Found, type Head, readWhole, WholeRequest } from './whole-request.ts';

/** How much longer than it is told a connection stays, in milliseconds: a request may be on its way when the time is up. */
const GRACE = 1000;

/** Answers requests that came whole. */
export interface DirectApp {
  /** Whether requests with this target are answered here. */
  has(target: string): boolean;
  answer(request: WholeRequest, answer: WholeAnswer): void;
}

export interface DirectOptions {
  readonly app: DirectApp;
  readonly lines: AnswerLines;
  /** Whether the request is to be answered. */
  readonly began: (socket: Socket, answer: WholeAnswer) => boolean;
  readonly delays: Delays;
  /** The peer took too long to begin its first request. */
  readonly tooSlow: (socket: Socket) => void;
  /** Milliseconds to the first request. */
  readonly firstTimeout: number;
  /** Milliseconds between two. */
  readonly keepAliveTimeout: number;
}

/**
 * A connection whose requests are answered without `node:http`, which takes longer than all of our own code does for one, as
 * long as each is a whole one of the plain kind (`readWhole`) for a target that is answered here. With the first that is not,
 * the connection is handed over for good, and so it is when a peer does not wait for its answer.
 */
class DirectConnection {
  readonly #socket: Socket;
  readonly #options: DirectOptions;
  readonly #giveBack: (socket: Socket) => void;
  #last: Head | undefined;
  #answer: WholeAnswer | undefined;
  /** What came while a request was at work, and what calls off the end of a connection on which something waits for too long. */
  #waiting: Buffer | undefined;
  #callOff: (() => void) | undefined;

  /** `giveBack` gives the connection to the library, as if nothing had been read from it. */
  constructor(socket: Socket, options: DirectOptions, giveBack: (socket: Socket) => void) {
    this.#socket = socket;
    this.#options = options;
    this.#giveBack = giveBack;
    socket.on('data', this.#take);
    socket.on('close', this.#closed);
    socket.on('error', this.#failed);
    socket.on('timeout', this.#timedOut);
    socket.setTimeout(options.firstTimeout);
    // It was accepted as a paused one.
    socket.resume();
  }

  readonly #take = (chunk: Buffer): void => {
    if (this.#answer === undefined) this.#read(chunk);
    else this.#keep(chunk);
  };

  readonly #done = (): void => {
    const isLast = this.#answer?.isLast;
    this.#answer = undefined;
    this.#callOff?.();
    if (isLast) this.#socket.destroySoon();
    else if (this.#waiting !== undefined && this.#socket.writable) this.#handOver(this.#waiting);
  };

  readonly #closed = (): void => {
    this.#callOff?.();
    this.#answer?.close();
  };

  readonly #failed = (): void => {
    this.#socket.destroy();
  };

  /** Nothing moved for so long. A peer that waits for us is not to blame. */
  readonly #timedOut = (): void => {
    if (this.#answer !== undefined && !this.#answer.headersSent) return;
    if (this.#last === undefined) this.#options.tooSlow(this.#socket);
    else this.#socket.destroy();
  };

  #read(octets: Buffer): void {
    const found = readWhole(octets, this.#last);
    if (found !== undefined && this.#options.app.has(found.head.target)) this.#serve(found);
    else this.#handOver(octets);
  }

  #serve({ head, body }: Found): void {
    if (this.#last === undefined) this.#socket.setTimeout(this.#idleTimeout);
    this.#last = head;
    const request = new WholeRequest(head, this.#socket, body);
    const answer = new WholeAnswer(request, this.#options.lines, this.#done);
    this.#answer = answer;
    if (this.#options.began(this.#socket, answer)) this.#options.app.answer(request, answer);
  }

  /**
   * The timer of the socket starts anew with whatever a peer writes, also when nobody reads it: who writes on and reads
   * nothing would keep the connection for ever.
   */
  #keep(chunk: Buffer): void {
    this.#waiting = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk]);
    this.#socket.pause();
    this.#callOff ??= this.#options.delays.after(this.#idleTimeout, this.#failed);
  }

  get #idleTimeout(): number {
    return this.#options.keepAliveTimeout + GRACE;
  }

  #handOver(octets: Buffer): void {
    const socket = this.#socket;
    socket.off('data', this.#take);
    socket.off('close', this.#closed);
    socket.off('error', this.#failed);
    socket.off('timeout', this.#timedOut);
    socket.setTimeout(0);
    socket.unshift(octets);
    this.#giveBack(socket);
    // What waited for an answer was paused.
    socket.resume();
  }
}

/** Comes between a TLS server and its connections, which it keeps for as long as their requests are fit for it. */
export const serveDirectly = (server: Server, options: DirectOptions): void => {
  const starters = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  const giveBack = (socket: Socket): void => {
    for (const starter of starters) starter.call(server, socket);
  };
  // Its listeners keep it.
  server.on('secureConnection', (socket: Socket) => void new DirectConnection(socket, options, giveBack));
};
