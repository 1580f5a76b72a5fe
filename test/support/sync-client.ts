import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Cursor } from '../../src/domain/cursor.ts';
import type { AgentMessage, ServerMessage } from '../../src/formats/sync-message.ts';
import type { ClientCertificate } from './journey-client.ts';

const NEWLINE = 0x0a;
const HEAD_END = '\r\n\r\n';
const PATIENCE_MS = 4000;

export interface SyncOptions {
  readonly after?: Cursor;
  /** Acknowledges each cursor, and that all is void; true unless told. */
  readonly acknowledges?: boolean;
  /** In place of the headers that ask for the upgrade. */
  readonly headers?: string;
}

/** What a plain answer in place of the upgrade said. */
export class NotUpgraded extends Error {
  readonly status: number;
  readonly head: string;
  readonly body: string;

  constructor(head: string, body: string) {
    super(head.split('\r\n')[0] ?? '');
    this.status = Number(head.split(' ')[1]);
    this.head = head;
    this.body = body;
  }
}

/** An agent's end of `GET /v1/sync`, bare: it hears lines, and says what it is told to. */
export class SyncClient {
  readonly socket: TLSSocket;
  readonly heard: ServerMessage[] = [];
  isClosed = false;
  readonly #acknowledges: boolean;
  readonly #waiters = new Set<() => void>();
  #rest: Buffer;

  private constructor(socket: TLSSocket, first: Buffer, acknowledges: boolean) {
    this.socket = socket;
    this.#acknowledges = acknowledges;
    this.#rest = first;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
    this.#read(Buffer.alloc(0));
  }

  /** Resolves once the server changed the protocol. Rejects with `NotUpgraded` when it answered otherwise. */
  static async open(api: string, certificate: ClientCertificate | undefined, options: SyncOptions = {}) {
    const { hostname, port } = new URL(api);
    const { after, acknowledges = true, headers = 'Connection: Upgrade\r\nUpgrade: mayfly-sync\r\n' } = options;
    const identity = certificate && { cert: certificate.cert, key: certificate.keyPem };
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...identity });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    const query = after === undefined ? '' : `?after=${after.epoch}.${after.index}`;
    socket.write(`GET /v1/sync${query} HTTP/1.1\r\nHost: ${hostname}\r\n${headers}\r\n`);
    let got = Buffer.alloc(0);
    while (!got.includes(HEAD_END)) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      got = Buffer.concat([got, chunk]);
    }
    const end = got.indexOf(HEAD_END);
    const head = got.subarray(0, end).toString();
    const first = got.subarray(end + HEAD_END.length);
    if (head.startsWith('HTTP/1.1 101')) return new SyncClient(socket, first, acknowledges);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    let body = first;
    while (body.length < length) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      body = Buffer.concat([body, chunk]);
    }
    socket.destroy();
    throw new NotUpgraded(head, body.toString());
  }

  /** The messages of one type, in order. */
  all<T extends ServerMessage['type']>(type: T): readonly Extract<ServerMessage, { type: T }>[] {
    return this.heard.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  }

  /** Ids of the entries that hold, by all that was heard. */
  entries(): readonly string[] {
    const held = new Set<string>();
    for (const message of this.heard) {
      if (message.type === 'reset') held.clear();
      if (message.type !== 'entries') continue;
      for (const id of message.removed) held.delete(id);
      for (const { id } of message.entries) held.add(id);
    }
    return [...held].sort();
  }

  get cursor(): Cursor | undefined {
    return this.all('cursor').at(-1)?.cursor;
  }

  /** Resolves when `holds`, asked after each message and at the end. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
      await promise;
      clearTimeout(timer);
      this.#waiters.delete(resolve);
      if (performance.now() > deadline && !holds()) {
        throw new Error(`no ${what}; heard ${this.heard.map(({ type }) => type).join(' ')}`);
      }
    }
  }

  /** The first cursor at or above a place in the log. */
  async reaches(index: number): Promise<void> {
    await this.until(`cursor ${index}`, () => (this.cursor?.index ?? -1) >= index);
  }

  /** A whole state, or a change. */
  async told(count = 1): Promise<void> {
    await this.until(`${count} cursors`, () => this.all('cursor').length >= count);
  }

  async closed(): Promise<void> {
    await this.until('end', () => this.isClosed);
  }

  say(message: AgentMessage): void {
    this.sayRaw(`${JSON.stringify(message)}\n`);
  }

  sayRaw(text: string | Buffer): void {
    this.socket.write(text);
  }

  close(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let end = this.#rest.indexOf(NEWLINE); end >= 0; end = this.#rest.indexOf(NEWLINE)) {
      const message = JSON.parse(this.#rest.subarray(0, end).toString()) as ServerMessage;
      this.#rest = this.#rest.subarray(end + 1);
      this.heard.push(message);
      if (this.#acknowledges && 'cursor' in message) this.#acknowledge(message.cursor);
    }
    this.#wake();
  }

  #acknowledge(cursor: Cursor): void {
    if (this.socket.writable) this.say({ type: 'ack', cursor });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }
}
