import { unixSeconds } from '../../domain/instant.ts';
import type { Clock } from '../../ports/clock.ts';
import type { WholeRequest } from './whole-request.ts';

/** Not imported: as an ES module `node:http` costs each thread 7 MiB (docs/performance.md). */
const { STATUS_CODES } = process.getBuiltinModule('node:http');

type Headers = Readonly<Record<string, string | number | readonly string[]>>;

/** No line can be made of a value (RFC 9110 §5.5). */
const LINE = /^[ -~\t]*$/;

const writeLine = (name: string, value: string | number): string => {
  const line = `${name}: ${value}`;
  if (!LINE.test(line)) throw new TypeError(`the header ${name} has a value that is no header's`);
  return `${line}\r\n`;
};

const writeLines = (headers: Headers): string => {
  let lines = '';
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (typeof value === 'object') for (const each of value) lines += writeLine(name, each);
    else lines += writeLine(name, value);
  }
  return lines;
};

const MILLISECONDS = 1000;

/** What all answers of a server have in common. */
export class AnswerLines {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #keepAlive: string;
  #second: number | undefined;
  #date = '';

  /** A connection stays for so many milliseconds after an answer. */
  constructor(clock: Pick<Clock, 'now'>, keepAliveTimeout: number) {
    this.#clock = clock;
    this.#keepAlive = `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(keepAliveTimeout / MILLISECONDS)}\r\n`;
  }

  /** The date (RFC 9110 §6.6.1), and what becomes of the connection. */
  write(isLast: boolean): string {
    const second = unixSeconds(this.#clock.now());
    if (second !== this.#second) {
      this.#second = second;
      this.#date = `date: ${new Date(second * MILLISECONDS).toUTCString()}\r\n`;
    }
    return this.#date + (isLast ? 'connection: close\r\n' : this.#keepAlive);
  }
}

/**
 * The answer to a `WholeRequest`, with those members of a `ServerResponse` that answers here are written with. It writes what
 * it is told; that a length fits its body is the caller's business.
 */
export class WholeAnswer {
  readonly req: WholeRequest;
  statusCode = 200;
  headersSent = false;
  /** The peer is gone, or the whole answer is with the kernel. */
  destroyed = false;
  readonly #lines: AnswerLines;
  readonly #done: () => void;
  #more = '';
  #head = '';
  #isLast = false;
  /** Octets of the body, as announced. */
  #length: unknown;
  #closed: (() => void) | undefined;

  /** `done` is called when the answer is out. */
  constructor(request: WholeRequest, lines: AnswerLines, done: () => void) {
    this.req = request;
    this.#lines = lines;
    this.#done = done;
  }

  /** Whether the connection ends with this answer. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** A header beside those of `writeHead`. `connection: close` makes this the last answer. */
  setHeader(name: string, value: string): void {
    if (name === 'connection') this.#isLast = value === 'close';
    else this.#more += writeLine(name, value);
  }

  writeHead(status: number, headers: Headers): void {
    const lines = writeLines(headers);
    this.statusCode = status;
    this.#length = headers['content-length'];
    this.#head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${this.#more}${lines}${this.#lines.write(this.#isLast)}\r\n`;
    this.headersSent = true;
  }

  /** A part of the body; `written` is called once the kernel has it. */
  write(part: Uint8Array, written: (error?: Error | null) => void): void {
    this.#put(part, written);
  }

  /** The rest of the body. */
  end(rest?: string | Uint8Array): void {
    this.#put(rest, () => {
      this.close();
      this.#done();
    });
  }

  /** One listener, called once: when the answer is out, or can not be given any more. */
  on(_event: 'close', closed: () => void): void {
    this.#closed = closed;
  }

  destroy(): void {
    this.req.socket.destroy();
  }

  /** Nothing more comes of this answer. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#closed?.();
  }

  #put(part: string | Uint8Array | undefined, written: (error?: Error | null) => void): void {
    const { socket } = this.req;
    const head = this.#head;
    this.#head = '';
    if (part === undefined) {
      socket.write(head, 'latin1', written);
    } else if (typeof part === 'string') {
      // As many octets of UTF-8 as characters: then all of them are ASCII.
      socket.write(head + part, part.length === this.#length ? 'latin1' : 'utf8', written);
    } else {
      socket.cork();
      if (head !== '') socket.write(head, 'latin1');
      socket.write(part, written);
      socket.uncork();
    }
  }
}
