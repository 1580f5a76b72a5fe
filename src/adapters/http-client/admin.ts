import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { connect as connectSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { REFUSAL_CODES } from '../../domain/refusal.ts';
import type { RefusalCode } from '../../domain/refusal.ts';
import { parseJson } from '../../formats/json.ts';

/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { request: httpRequest } = process.getBuiltinModule('node:http');

export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its variable parts already escaped: see `segment`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when there was none. */
  readonly body: unknown;
}

/** The admin API of one server, however it is reached. */
export interface AdminApi {
  /** Rejects with `ServerRefusal` for an answer that is not a success, with `Unreachable` when no answer came. */
  call(request: AdminRequest): Promise<AdminAnswer>;
}

/** The server answered, and the answer is no. */
export class ServerRefusal extends Error {
  readonly status: number;
  readonly code: RefusalCode | 'internal';
  readonly decision: string | undefined;
  readonly problems: readonly { readonly field: string; readonly problem: string }[];
  readonly retryAfter: number | undefined;
  /** The problem document as it came. */
  readonly document: unknown;

  constructor(status: number, headers: IncomingHttpHeaders, document: unknown) {
    const problem = typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
    const text = (name: string): string | undefined => {
      const value = problem[name];
      return typeof value === 'string' ? value : undefined;
    };
    super(text('detail') ?? text('title') ?? `the server answered ${status}`);
    this.name = 'ServerRefusal';
    this.status = status;
    this.code = REFUSAL_CODES.find((code) => code === problem['code']) ?? 'internal';
    this.decision = text('decision');
    this.problems = Array.isArray(problem['problems']) ? (problem['problems'] as ServerRefusal['problems']) : [];
    const seconds = Number(headers['retry-after']);
    this.retryAfter = Number.isSafeInteger(seconds) && seconds > 0 ? seconds : undefined;
    this.document = document;
  }
}

/** No answer: the server is not there, is not ours, or went away. What was asked for may have happened or not. */
export class Unreachable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Unreachable';
  }
}

/** One path segment, escaped. */
export const segment = (text: string): string => encodeURIComponent(text);

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 32;
const TIMEOUT_MS = 60_000;

const withQuery = ({ path, query = {} }: AdminRequest): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
};

const readAll = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Unreachable('the answer of the server is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const isJson = (headers: IncomingHttpHeaders): boolean =>
  /^application\/(?:[a-z.-]+\+)?json\b/.test(headers['content-type'] ?? '');

const parseBody = (bytes: Buffer, headers: IncomingHttpHeaders): unknown => {
  if (bytes.length === 0) return undefined;
  if (!isJson(headers)) return bytes.toString('utf8');
  return parseJson(bytes, { maxBytes: MAX_ANSWER_BYTES, maxDepth: MAX_DEPTH });
};

const exchange = (options: RequestOptions, body: string | undefined): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const outgoing = httpRequest(options, resolve);
    outgoing.on('error', reject);
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.end(body);
  });

/** The admin API over connections that `connect` opens, one for each call. */
export const adminApi = (host: string, where: string, connect: () => Promise<Duplex>): AdminApi => ({
  async call(request) {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers = {
      host,
      accept: 'application/json',
      connection: 'close',
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...request.headers,
    };
    try {
      const connection = await connect();
      const answer = await exchange(
        { method: request.method, path: withQuery(request), headers, createConnection: () => connection },
        body,
      );
      const status = answer.statusCode ?? 0;
      const parsed = parseBody(await readAll(answer), answer.headers);
      if (status >= 200 && status < 300) return { status, headers: answer.headers, body: parsed };
      throw new ServerRefusal(status, answer.headers, parsed);
    } catch (error) {
      if (error instanceof ServerRefusal || error instanceof Unreachable) throw error;
      throw new Unreachable(`cannot talk to the server at ${where}: ${reasonOf(error)}`, error);
    }
  },
});

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; is the server running?',
  ECONNREFUSED: 'nobody listens there; is the server running?',
  EACCES: 'you may not open it; run as the server’s user or as root',
};

const reasonOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
};

/** Local administration: the kernel tells the server who is calling. */
export const localAdminApi = (socketPath: string): AdminApi =>
  adminApi(
    'localhost',
    socketPath,
    () =>
      new Promise((resolve, reject) => {
        const socket = connectSocket(socketPath);
        socket.once('connect', () => resolve(socket));
        socket.once('error', reject);
      }),
  );
