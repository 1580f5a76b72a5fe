import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { receive } from './receiving.ts';
import { type AnswerLines, WholeAnswer } from './whole-answer.ts';
import { type Head, readWhole, WholeRequest } from './whole-request.ts';

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
  /** The peer took too long to begin or to end a request. */
  readonly tooSlow: (socket: Socket) => void;
  /** Milliseconds to the first request, and to the end of each. */
  readonly requestTimeout: number;
  /** Milliseconds between two. */
  readonly keepAliveTimeout: number;
}

/**
 * A connection whose requests are answered without `node:http`, which takes longer than all of our own code does for one, as long as each is
 * a whole one of the plain kind (`readWhole`) for a target that is answered here. With the first that is not, the
 * connection is handed over for good. One request is at work at a time: what comes before its answer is out waits, and nothing
 * behind it is read.
 */
class DirectConnection {
  readonly #socket: Socket;
  readonly #options: DirectOptions;
  readonly #giveBack: (socket: Socket) => void;
  #last: Head | undefined;
  /** A request of which there is only a part. */
  #part: { readonly octets: Buffer; readonly received: () => void } | undefined;
  #answer: WholeAnswer | undefined;
  /** What came while a request was at work. */
  #waiting: Buffer | undefined;
  #isOver = false;
  #hasAsked = false;

  /** `giveBack` gives the connection to the library, as if nothing had been read from it. */
  constructor(socket: Socket, options: DirectOptions, giveBack: (socket: Socket) => void) {
    this.#socket = socket;
    this.#options = options;
    this.#giveBack = giveBack;
    socket.on('data', this.#take);
    socket.on('end', this.#ended);
    socket.on('close', this.#closed);
    socket.on('error', this.#failed);
    socket.on('timeout', this.#timedOut);
    socket.setTimeout(options.requestTimeout);
    // It was accepted as a paused one.
    socket.resume();
  }

  readonly #take = (chunk: Buffer): void => {
    if (this.#answer === undefined) {
      this.#read(chunk);
      return;
    }
    this.#waiting = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk]);
    this.#socket.pause();
  };

  readonly #done = (): void => {
    const isLast = this.#isOver || this.#answer?.isLast === true;
    this.#answer = undefined;
    if (isLast) {
      this.#socket.destroySoon();
      return;
    }
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#socket.resume();
    this.#read(waiting);
  };

  /** The peer writes nothing more; it may still read. */
  readonly #ended = (): void => {
    this.#isOver = true;
    if (this.#answer === undefined) this.#socket.destroySoon();
  };

  readonly #closed = (): void => {
    this.#part?.received();
    this.#answer?.close();
  };

  readonly #failed = (): void => {
    this.#socket.destroy();
  };

  /** Nothing moved for so long. A peer that waits for us is not to blame. */
  readonly #timedOut = (): void => {
    if (this.#answer !== undefined && !this.#answer.headersSent) return;
    if (this.#part !== undefined || !this.#hasAsked) this.#options.tooSlow(this.#socket);
    else this.#socket.destroy();
  };

  #read(chunk: Buffer): void {
    const part = this.#part;
    const octets = part === undefined ? chunk : Buffer.concat([part.octets, chunk]);
    const found = readWhole(octets, this.#last);
    if (found === undefined || !this.#options.app.has(found.head.target)) this.#handOver(octets);
    else if (found.body !== undefined) this.#serve(found.head, found.body);
    else if (part === undefined) this.#await(octets);
    else this.#handOver(octets);
  }

  /** Many clients write the body in a packet of its own. Those that take more than one are rare. */
  #await(octets: Buffer): void {
    this.#part = { octets, received: receive(this.#socket) };
    this.#socket.setTimeout(this.#options.requestTimeout);
  }

  #whole(): void {
    this.#part?.received();
    if (this.#part !== undefined || !this.#hasAsked) this.#socket.setTimeout(this.#options.keepAliveTimeout + GRACE);
    this.#part = undefined;
  }

  #serve(head: Head, body: Buffer): void {
    this.#whole();
    this.#hasAsked = true;
    this.#last = head;
    const request = new WholeRequest(head, this.#socket, body);
    const answer = new WholeAnswer(request, this.#options.lines, this.#done);
    this.#answer = answer;
    if (this.#options.began(this.#socket, answer)) this.#options.app.answer(request, answer);
  }

  #handOver(octets: Buffer): void {
    const socket = this.#socket;
    this.#part?.received();
    socket.off('data', this.#take);
    socket.off('end', this.#ended);
    socket.off('close', this.#closed);
    socket.off('error', this.#failed);
    socket.off('timeout', this.#timedOut);
    socket.setTimeout(0);
    socket.unshift(octets);
    this.#giveBack(socket);
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
