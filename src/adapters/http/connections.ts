import type { Socket } from 'node:net';
import { LinkedQueue, type QueuePlace } from './linked-queue.ts';

/** One connection, from its first packet on. */
interface Connection {
  /** As it was accepted. Over TLS its requests come on another socket, inside this one. */
  readonly socket: Socket;
  /** The socket of its requests, once there was one. */
  inner: Socket | undefined;
  /** Answers that it waits for. */
  owed: number;
  /** Octets of the headers of requests that came while it waited for an answer, and wait themselves. */
  queued: number;
  /** Its place in the queue of connections that wait for no answer. */
  idle: QueuePlace<Connection> | undefined;
  /** It was handed over to another protocol: it is never idle, and whoever took it ends it. */
  taken: boolean;
}

/** As much of an answer and its request as has to be known here. */
export interface OwedAnswer {
  readonly headersSent: boolean;
  readonly req: {
    readonly complete: boolean;
    readonly url?: string | undefined;
    readonly rawHeaders?: readonly string[];
  };
  setHeader(name: string, value: string): void;
  on(event: 'close', closed: () => void): void;
}

/** An answer that is not completely sent, and the connection that waits for it. */
interface Owed {
  readonly response: OwedAnswer;
  readonly connection: Connection;
  /** Its share of what the connection has queued. */
  readonly queued: number;
}

export interface ConnectionLimits {
  /** Open at once. */
  readonly most: number;
  /** New ones begun in one turn of the event loop: a handshake is as much work as a certificate. */
  readonly startsPerTurn: number;
  /** Answers that one connection may wait for. */
  readonly mostOwed: number;
  /** Octets of the headers of those that wait behind the first: a request stays in memory until its answer is out. */
  readonly mostQueued: number;
}

const peerKey = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress ?? ''} ${remotePort ?? ''}`;

const headerOctets = ({ url = '', rawHeaders = [] }: OwedAnswer['req']): number =>
  rawHeaders.reduce((sum, { length }) => sum + length, url.length);

/** Whether a connection is held up by its peer, who sends its request slowly or does not read the answer. */
const isStuck = ({ headersSent, req }: OwedAnswer): boolean => headersSent || !req.complete;

/**
 * The connections of a listener. When there are too many, one makes room for the new one: the oldest that never sent a
 * request, else the one that has been idle longest, else the first that is stuck. So whoever holds thousands of connections
 * open keeps nobody out, whether or not they share an address with others. It also paces the start of new ones, and on closing
 * tells apart those that wait for an answer.
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #report: ((open: number) => void) | undefined;
  readonly #open = new Set<Connection>();
  /** By the peer's address and port, to find a connection by the socket inside it. */
  readonly #byPeer = new Map<string, Connection>();
  readonly #known = new WeakMap<Socket, Connection>();
  /** Those that never sent a request, the oldest first; the queues below are in order too. */
  readonly #strangers = new Set<Connection>();
  readonly #idle = new LinkedQueue<Connection>();
  readonly #owed = new LinkedQueue<Owed>();
  readonly #toStart: (() => void)[] = [];
  #started = 0;
  #turnEnds = false;
  #draining = false;

  constructor(limits: ConnectionLimits, report?: (open: number) => void) {
    this.#limits = limits;
    this.#report = report;
  }

  /** A connection was accepted; `start` begins to read from it, now or within the next turns. */
  opened(socket: Socket, start: () => void): void {
    if (this.#open.size >= this.#limits.most && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    const connection: Connection = { socket, inner: undefined, owed: 0, queued: 0, idle: undefined, taken: false };
    const key = peerKey(socket);
    this.#open.add(connection);
    this.#strangers.add(connection);
    this.#known.set(socket, connection);
    this.#byPeer.set(key, connection);
    this.#report?.(this.#open.size);
    socket.once('close', () => this.#closed(connection, key));
    this.#startSoon(() => {
      if (!socket.destroyed) start();
    });
  }

  /**
   * The headers of a request came in. False when it is not to be answered: its connection is closed, since it asks for more
   * answers than it reads. Hundreds of small requests fit into one packet, each for a large answer.
   */
  began(socket: Socket, response: OwedAnswer): boolean {
    // Nothing is begun whose answer could not be written.
    if (!socket.writable) return false;
    if (this.#draining) response.setHeader('connection', 'close');
    const connection = this.#of(socket);
    if (connection === undefined) return true;
    const queued = connection.owed > 0 ? headerOctets(response.req) : 0;
    if (connection.owed >= this.#limits.mostOwed || connection.queued + queued > this.#limits.mostQueued) {
      socket.destroy();
      return false;
    }
    if (connection.inner === undefined) {
      connection.inner = socket;
      this.#strangers.delete(connection);
    }
    this.#busy(connection);
    connection.owed += 1;
    connection.queued += queued;
    const place = this.#owed.add({ response, connection, queued });
    response.on('close', () => this.#answered(place));
    return true;
  }

  /** Whether the connection of a socket waits for answers. */
  isOwed(socket: Socket): boolean {
    return (this.#of(socket)?.owed ?? 0) > 0;
  }

  /** The connection of this answer was handed over to another protocol. */
  taken(response: OwedAnswer): void {
    const place = this.#owed.find((owed) => owed.response === response);
    if (place === undefined) return;
    this.#owed.remove(place);
    const { connection } = place.value;
    connection.owed = 0;
    connection.taken = true;
  }

  /** Closes what waits for nothing, at once; everything else as soon as its answer is out. */
  drain(): void {
    this.#draining = true;
    for (const { response } of this.#owed) if (!response.headersSent) response.setHeader('connection', 'close');
    for (const connection of this.#idle) connection.inner?.destroy();
    this.#destroyWhenQuiet();
  }

  destroyAll(): void {
    for (const { socket } of this.#open) socket.destroy();
  }

  #of(socket: Socket): Connection | undefined {
    const known = this.#known.get(socket) ?? this.#byPeer.get(peerKey(socket));
    if (known && known.inner !== socket) this.#known.set(socket, known);
    return known;
  }

  #answered(place: QueuePlace<Owed>): void {
    const { connection, queued } = place.value;
    if (connection.taken) return;
    this.#owed.remove(place);
    connection.owed -= 1;
    connection.queued -= queued;
    if (connection.owed > 0 || !this.#open.has(connection)) return;
    connection.idle = this.#idle.add(connection);
    // The answer may still be on its way to the kernel: the socket goes after it, never before.
    if (this.#draining) connection.inner?.destroySoon();
  }

  #closed(connection: Connection, key: string): void {
    this.#open.delete(connection);
    if (this.#byPeer.get(key) === connection) this.#byPeer.delete(key);
    this.#strangers.delete(connection);
    this.#busy(connection);
    this.#report?.(this.#open.size);
    if (this.#draining) this.#destroyWhenQuiet();
  }

  /** The connection is not idle any more: it waits for an answer, or is closed. */
  #busy(connection: Connection): void {
    if (connection.idle) this.#idle.remove(connection.idle);
    connection.idle = undefined;
  }

  /** Closes one connection as the class says; false when all are in use. */
  #makeRoom(): boolean {
    const [stranger] = this.#strangers;
    const victim = stranger ?? this.#idle.first ?? this.#stuck();
    if (victim === undefined) return false;
    victim.socket.destroy();
    // Its `close` comes later, and the room is needed now.
    this.#open.delete(victim);
    this.#strangers.delete(victim);
    this.#busy(victim);
    return true;
  }

  #stuck(): Connection | undefined {
    for (const { response, connection } of this.#owed) {
      if (isStuck(response) && this.#open.has(connection)) return connection;
    }
    return undefined;
  }

  #startSoon(start: () => void): void {
    if (this.#started < this.#limits.startsPerTurn && this.#toStart.length === 0) {
      this.#started += 1;
      start();
    } else {
      this.#toStart.push(start);
    }
    this.#watchTurn();
  }

  /** Counts anew in the next turn, and starts as many of those that wait. */
  #watchTurn(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(() => {
      this.#turnEnds = false;
      const starting = this.#toStart.splice(0, this.#limits.startsPerTurn);
      this.#started = starting.length;
      for (const start of starting) start();
      if (starting.length > 0) this.#watchTurn();
    });
  }

  /** Connections that never sent a request, or are in their handshake, go when all others have closed. */
  #destroyWhenQuiet(): void {
    if (this.#open.size === this.#strangers.size) this.destroyAll();
  }
}
