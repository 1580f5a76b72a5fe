import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

/** A POST that came in one piece, parsed by `readWhole`. */
export class WholeRequest {
  readonly method = 'POST';
  readonly url: string;
  /** Shared by all requests of a connection whose heads are alike. */
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  readonly body: Buffer;
  readonly complete = true;

  constructor({ target, headers }: Head, socket: Socket, body: Buffer) {
    this.url = target;
    this.headers = headers;
    this.socket = socket;
    this.body = body;
  }
}

/** What stands before the body. */
export interface Head {
  /** The octets of it as text, for a quick look at whether the next one is the same. */
  readonly text: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Octets of the body. */
  readonly length: number;
}

/** Larger heads and bodies are rare enough for the library. */
const MAX_HEAD = 4 * 1024;
const MAX_HEADERS = 32;
const MAX_BODY = 16 * 1024;

const HEAD_END = '\r\n\r\n';

/** RFC 9112 §3, §5: `POST`, one target, and lines whose names are tokens and whose values are visible ASCII. */
const START = /^POST (?<target>\/[!-~]*) HTTP\/1\.1\r\n/;
const LINE = /(?<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?:(?<value>[!-~](?:[ -~\t]*[!-~])?)[ \t]*)?\r\n/y;
const LENGTH = /^(?:0|[1-9][0-9]{0,4})$/;

/** What changes how a message is framed, what becomes of its connection, or the form of a value: the library knows all of it. */
const SPECIAL = ['transfer-encoding', 'expect', 'upgrade', 'proxy-connection', 'set-cookie'];

const isPlain = (headers: IncomingHttpHeaders): boolean =>
  headers.host !== undefined &&
  (headers.connection ?? 'keep-alive').toLowerCase() === 'keep-alive' &&
  SPECIAL.every((name) => headers[name] === undefined);

/** By name in lower case; undefined where a line is unusual in any way, or a name comes twice. */
const readLines = (text: string, from: number): IncomingHttpHeaders | undefined => {
  const headers: IncomingHttpHeaders = {};
  LINE.lastIndex = from;
  for (let count = 0; LINE.lastIndex < text.length; count += 1) {
    const found = LINE.exec(text)?.groups;
    const name = found?.['name']?.toLowerCase();
    // `in`, so that the names of `Object.prototype` count as already there.
    if (name === undefined || name in headers || count === MAX_HEADERS) return undefined;
    headers[name] = found?.['value'] ?? '';
  }
  return headers;
};

/** `text` is a whole head up to the end of its last line. */
const readHead = (text: string): Head | undefined => {
  const start = START.exec(text);
  const target = start?.groups?.['target'];
  if (start === null || target === undefined) return undefined;
  const headers = readLines(text, start[0].length);
  if (headers === undefined || !isPlain(headers)) return undefined;
  const length = headers['content-length'];
  if (length === undefined || !LENGTH.test(length) || Number(length) > MAX_BODY) return undefined;
  return { text, target, headers: Object.freeze(headers), length: Number(length) };
};

/** What `readWhole` found. */
export interface Found {
  readonly head: Head;
  readonly body: Buffer;
}

/**
 * Reads `octets` if they are one request of the kind that nearly all are: a POST of HTTP/1.1 with a length, no header twice,
 * and nothing that is unusual in any way. Undefined for everything else, well-formed or not, which is the library's to read.
 * Whatever is read here the library would read in the same way. `last` is the head of the request before, if it may be the same.
 */
export const readWhole = (octets: Buffer, last?: Head): Found | undefined => {
  const end = octets.indexOf(HEAD_END);
  if (end === -1 || end > MAX_HEAD) return undefined;
  const text = octets.toString('latin1', 0, end + 2);
  const head = text === last?.text ? last : readHead(text);
  if (head === undefined) return undefined;
  const body = octets.subarray(end + HEAD_END.length);
  return body.length === head.length ? { head, body } : undefined;
};
