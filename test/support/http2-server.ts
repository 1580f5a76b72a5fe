import { PREFACE } from '../../src/adapters/workload-api/http2/frames.ts';
import { HpackDecoder } from '../../src/adapters/workload-api/http2/hpack-decoder.ts';
import { Outbox, type OutboxSocket } from '../../src/adapters/workload-api/http2/outbox.ts';
import type { RequestHead } from '../../src/adapters/workload-api/http2/request-head.ts';
import { ServerConnection } from '../../src/adapters/workload-api/http2/server-connection.ts';
import type { ServerStream, StreamSink } from '../../src/adapters/workload-api/http2/server-stream.ts';
import { DATA, END_HEADERS, type Frame, frame, grpcHeaders, HEADERS, SETTINGS } from './raw-http2.ts';

/** A server of HTTP/2 without a network: what it says is looked at frame by frame. */

/** A socket whose client reads only when told. */
export class SocketStandIn implements OutboxSocket {
  readonly written: Buffer[] = [];
  writableLength = 0;
  destroyed = false;
  /** Whether the kernel takes at once what is written. */
  isReading = true;
  readonly cork = (): void => undefined;
  readonly uncork = (): void => undefined;
  #taken: (() => void)[] = [];

  write(octets: Buffer, taken: () => void = () => undefined): void {
    this.written.push(octets);
    this.writableLength += octets.length;
    this.#taken.push(taken);
    if (this.isReading) this.read();
  }

  /** The client reads all that is there. */
  read(): void {
    this.writableLength = 0;
    for (const taken of this.#taken.splice(0)) taken();
  }
}

export const framesOf = (octets: Buffer): readonly Frame[] => {
  const frames: Frame[] = [];
  let rest = octets;
  while (rest.length >= 9) {
    const end = 9 + rest.readUIntBE(0, 3);
    const [, , , type = 0, flags = 0] = rest;
    frames.push({ type, flags, stream: rest.readUInt32BE(5), content: rest.subarray(9, end) });
    rest = rest.subarray(end);
  }
  return frames;
};

export type Accept = (stream: ServerStream, head: RequestHead) => StreamSink;

export interface Said {
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly data: Buffer;
}

export class Http2Server {
  readonly socket = new SocketStandIn();
  readonly outbox: Outbox;
  readonly connection: ServerConnection;
  readonly streams: ServerStream[] = [];
  readonly blocks = { bytes: 0 };
  /** How often the last open stream was over. */
  idle = 0;

  constructor(accept: Accept, count = { open: 0 }) {
    this.outbox = new Outbox(this.socket, () => this.connection.goOn());
    this.connection = new ServerConnection({
      outbox: this.outbox,
      streams: count,
      blocks: this.blocks,
      accept: (stream, head) => {
        this.streams.push(stream);
        return accept(stream, head);
      },
      idle: () => {
        this.idle += 1;
      },
    });
  }

  /** With preface and SETTINGS said. */
  static begun(accept: Accept, settings: Buffer = Buffer.alloc(0), count = { open: 0 }): Http2Server {
    const server = new Http2Server(accept, count);
    server.say(PREFACE, frame(SETTINGS, 0, 0, settings));
    return server;
  }

  /** The client says so. What it breaks is thrown. */
  say(...parts: readonly Buffer[]): void {
    this.connection.read(Buffer.concat(parts));
  }

  request(stream: number, flags = END_HEADERS, path = '/a/b'): void {
    this.say(frame(HEADERS, flags, stream, Buffer.concat(grpcHeaders(path))));
  }

  /** All that was sent until now. */
  frames(): readonly Frame[] {
    this.outbox.flush();
    return framesOf(Buffer.concat(this.socket.written));
  }

  of(type: number, stream: number): readonly Frame[] {
    return this.frames().filter((each) => each.type === type && each.stream === stream);
  }

  /** The answer on a stream; all blocks of the connection are read, for their table. */
  said(stream: number): Said {
    const decoder = new HpackDecoder({ tableBytes: 4096, listBytes: 65_535 });
    const headers: Record<string, string>[] = [];
    const data: Buffer[] = [];
    for (const each of this.frames()) {
      if (each.type === DATA && each.stream === stream) data.push(each.content);
      if (each.type !== HEADERS) continue;
      const fields = decoder.decode(each.content);
      if (each.stream === stream) headers.push(Object.fromEntries(fields.map(({ name, value }) => [name, value])));
    }
    return { headers, data: Buffer.concat(data) };
  }
}

/** A sink that keeps what it hears. */
export class SinkStandIn implements StreamSink {
  readonly heard: string[] = [];

  data(octets: Buffer): void {
    this.heard.push(`data ${octets.toString('latin1')}`);
  }

  end(): void {
    this.heard.push('end');
  }

  gone(): void {
    this.heard.push('gone');
  }
}

/** A number of four octets, as WINDOW_UPDATE and RST_STREAM have it. */
export const number32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
};

export const setting = (identifier: number, value: number): Buffer =>
  Buffer.concat([Buffer.of(0, identifier), number32(value)]);
