import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HpackDecoder } from '../../src/adapters/workload-api/http2/hpack-decoder.ts';
import { PREFACE } from '../../src/adapters/workload-api/http2/frames.ts';

/** A client of HTTP/2 whose frames are made by hand. */

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly content: Buffer;
}

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const WITH_PRIORITY = 0x20;

export const frame = (type: number, flags: number, stream: number, content: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
};

const length = (value: number): Buffer => {
  if (value < 127) return Buffer.of(value);
  const octets = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>>= 7) octets.push(128 | (rest & 127));
  return Buffer.from([...octets, rest]);
};

/** A header as a literal; `isRemembered` puts it into the table of the peer. */
export const header = (name: string, value: string | Buffer, isRemembered = false): Buffer => {
  const [key, text] = [Buffer.from(name), Buffer.from(value)];
  return Buffer.concat([Buffer.of(isRemembered ? 0x40 : 0x00), length(key.length), key, length(text.length), text]);
};

export const grpcHeaders = (
  path: string,
  authority: readonly (string | Buffer)[] = ['localhost'],
  isRemembered = false,
): readonly Buffer[] => [
  header(':method', 'POST', isRemembered),
  header(':scheme', 'http', isRemembered),
  header(':path', path, isRemembered),
  ...authority.map((each) => header(':authority', each, isRemembered)),
  header('content-type', 'application/grpc', isRemembered),
  header('te', 'trailers', isRemembered),
  header('user-agent', 'by-hand/1', isRemembered),
];

export const SECURITY = header('workload.spiffe.io', 'true');
export const EMPTY_MESSAGE = Buffer.alloc(5);
export const X509_PATH = '/SpiffeWorkloadAPI/FetchX509SVID';

export interface RawAnswer {
  /** Those of the first block and of trailers, together. */
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Buffer;
}

export class RawHttp2 {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  readonly #decoder = new HpackDecoder({ tableBytes: 4096, listBytes: 65_535 });
  readonly #answers = new Map<number, { headers: Record<string, string>; data: Buffer }>();
  #rest: Buffer = Buffer.alloc(0);
  #wakeUps: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#wake());
  }

  /** Connects without a word. */
  static async connect(path: string): Promise<RawHttp2> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new RawHttp2(socket);
  }

  /** Connects, and says preface and SETTINGS. */
  static async open(path: string, settings: Buffer = Buffer.alloc(0)): Promise<RawHttp2> {
    const raw = await RawHttp2.connect(path);
    raw.send(PREFACE, frame(SETTINGS, 0, 0, settings));
    return raw;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** A whole request. */
  request(stream: number, headers: readonly Buffer[], message: Buffer = EMPTY_MESSAGE): void {
    this.send(frame(HEADERS, END_HEADERS, stream, Buffer.concat(headers)), frame(DATA, END_STREAM, stream, message));
  }

  /** Waits until `isThere`, or until the connection is closed. */
  async until(isThere: () => boolean): Promise<void> {
    while (!isThere() && !this.socket.destroyed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeUps.push(resolve);
      await promise;
    }
  }

  async frameOf(type: number, stream = 0): Promise<Frame | undefined> {
    const find = (): Frame | undefined => this.frames.find((each) => each.type === type && each.stream === stream);
    await this.until(() => find() !== undefined);
    return find();
  }

  /** The answer on a stream, once there is a message or its end. */
  async answer(stream: number): Promise<RawAnswer> {
    const there = (): boolean => {
      const found = this.#answers.get(stream);
      return found !== undefined && (found.data.length > 5 || 'grpc-status' in found.headers);
    };
    await this.until(() => there() || this.frames.some((each) => each.type === RST_STREAM && each.stream === stream));
    return this.#answers.get(stream) ?? { headers: {}, data: Buffer.alloc(0) };
  }

  /** The error code that the connection ended with. */
  async goaway(): Promise<number | undefined> {
    await this.until(() => this.frames.some(({ type }) => type === GOAWAY));
    return this.frames.find(({ type }) => type === GOAWAY)?.content.readUInt32BE(4);
  }

  async closed(): Promise<void> {
    await this.until(() => false);
  }

  close(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      this.#take({
        type: rest[3] ?? 0,
        flags: rest[4] ?? 0,
        stream: rest.readUInt32BE(5),
        content: rest.subarray(9, end),
      });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    this.#wake();
  }

  #take(taken: Frame): void {
    this.frames.push(taken);
    const { type, stream, content } = taken;
    if (type !== HEADERS && type !== DATA) return;
    const answer = this.#answers.get(stream) ?? { headers: {}, data: Buffer.alloc(0) };
    this.#answers.set(stream, answer);
    if (type === DATA) answer.data = Buffer.concat([answer.data, content]);
    else for (const { name, value } of this.#decoder.decode(content)) answer.headers[name] = value;
  }

  #wake(): void {
    const wakeUps = this.#wakeUps;
    this.#wakeUps = [];
    for (const wake of wakeUps) wake();
  }
}
