/** Frames of HTTP/2 as far as they are read or written here (RFC 9113 §4.1, §6). */

export const FRAME_HEADER_BYTES = 9;
/** The most that a frame may hold, as long as nobody has announced more; our server never does (RFC 9113 §4.2). */
export const MAX_FRAME_BYTES = 16_384;
/** What a client says first (RFC 9113 §3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const FRAME_TYPE = { data: 0x0, headers: 0x1, reset: 0x3, goaway: 0x7, continuation: 0x9 } as const;
export const FLAG = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113 §7. */
export const ERROR_CODE = {
  protocol: 0x1,
  frameSize: 0x6,
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

/** Writes the nine octets in front of a frame's content. */
export const writeFrameHeader = (
  output: Buffer,
  at: number,
  frame: { readonly length: number; readonly type: number; readonly flags: number; readonly stream: number },
): number => {
  output.writeUIntBE(frame.length, at, 3);
  output[at + 3] = frame.type;
  output[at + 4] = frame.flags;
  output.writeUInt32BE(frame.stream, at + 5);
  return at + FRAME_HEADER_BYTES;
};

/** The last words on a connection: streams above `lastStream` were not looked at (RFC 9113 §6.8). */
export const goawayFrame = (lastStream: number, code: number): Buffer => {
  const output = Buffer.alloc(FRAME_HEADER_BYTES + 8);
  const at = writeFrameHeader(output, 0, { length: 8, type: FRAME_TYPE.goaway, flags: 0, stream: 0 });
  output.writeUInt32BE(lastStream, at);
  output.writeUInt32BE(code, at + 4);
  return output;
};
