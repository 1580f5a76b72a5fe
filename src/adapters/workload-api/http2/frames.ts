/** Frames of HTTP/2 (RFC 9113 §4.1, §6). */

export const FRAME_HEADER_BYTES = 9;
/** The most that a frame may hold, as long as nobody has announced more; we never do (RFC 9113 §4.2). */
export const MAX_FRAME_BYTES = 16_384;
/** What a client says first (RFC 9113 §3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const FRAME_TYPE = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  reset: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;
export const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113 §7. */
export const ERROR_CODE = {
  none: 0x0,
  protocol: 0x1,
  internal: 0x2,
  flowControl: 0x3,
  streamClosed: 0x5,
  frameSize: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compression: 0x9,
  enhanceYourCalm: 0xb,
} as const;

/** The peer broke the rules of the connection, which ends with GOAWAY (RFC 9113 §5.4.1). The message is for the log. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

/** The peer broke the rules of one stream, which is reset (RFC 9113 §5.4.2). The others go on. */
export class StreamError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'StreamError';
    this.code = code;
  }
}

/** Writes the nine octets in front of a frame's content, and returns where that begins. */
export const writeFrameHeader = (
  output: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number => {
  output[at] = length >>> 16;
  output[at + 1] = length >>> 8;
  output[at + 2] = length;
  output[at + 3] = type;
  output[at + 4] = flags;
  output[at + 5] = stream >>> 24;
  output[at + 6] = stream >>> 16;
  output[at + 7] = stream >>> 8;
  output[at + 8] = stream;
  return at + FRAME_HEADER_BYTES;
};

const frame = (type: number, flags: number, stream: number, content: Uint8Array): Buffer => {
  const output = Buffer.allocUnsafe(FRAME_HEADER_BYTES + content.length);
  output.set(content, writeFrameHeader(output, 0, content.length, type, flags, stream));
  return output;
};

const number32 = (value: number): Buffer => {
  const output = Buffer.allocUnsafe(4);
  output.writeUInt32BE(value);
  return output;
};

export const headersFrame = (stream: number, block: Buffer, isLast: boolean): Buffer =>
  frame(FRAME_TYPE.headers, FLAG.endHeaders | (isLast ? FLAG.endStream : 0), stream, block);

export const resetFrame = (stream: number, code: number): Buffer => frame(FRAME_TYPE.reset, 0, stream, number32(code));

/** Settings by identifier (RFC 9113 §6.5.1). */
export const settingsFrame = (settings: readonly (readonly [identifier: number, value: number])[]): Buffer => {
  const content = Buffer.allocUnsafe(6 * settings.length);
  for (const [place, [identifier, value]] of settings.entries()) {
    content.writeUInt16BE(identifier, 6 * place);
    content.writeUInt32BE(value, 6 * place + 2);
  }
  return frame(FRAME_TYPE.settings, 0, 0, content);
};

export const SETTINGS_ACK = frame(FRAME_TYPE.settings, FLAG.ack, 0, Buffer.alloc(0));

export const pingAckFrame = (content: Buffer): Buffer => frame(FRAME_TYPE.ping, FLAG.ack, 0, content);

export const windowUpdateFrame = (stream: number, increment: number): Buffer =>
  frame(FRAME_TYPE.windowUpdate, 0, stream, number32(increment));

/** The last words on a connection: streams above `lastStream` were not looked at (RFC 9113 §6.8). */
export const goawayFrame = (lastStream: number, code: number): Buffer =>
  frame(FRAME_TYPE.goaway, 0, 0, Buffer.concat([number32(lastStream), number32(code)]));
