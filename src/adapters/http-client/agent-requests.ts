import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';
import { Refusal } from '../../domain/refusal.ts';
import { parseJson, type JsonValue } from '../../formats/json.ts';
import { ServerRefusal } from './admin.ts';
import { type ClientIdentity, type Connecting, type ServerAddresses, unreachable } from './verified-connection.ts';

/** A hundred chains or tokens take a quarter of it. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 16;
const REQUEST_MS = 30_000;
const MAX_SOCKETS = 8;
const MAX_IDLE_SOCKETS = 2;
/** Shorter than the server keeps one, so that we are the ones who close. */
const IDLE_MS = 45_000;

export const readAnswer = async (answer: IncomingMessage): Promise<JsonValue> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Refusal('unavailable', 'the answer of the server is too long');
    chunks.push(chunk);
  }
  if (length === 0) return null;
  try {
    return parseJson(Buffer.concat(chunks), { maxBytes: MAX_ANSWER_BYTES, maxDepth: MAX_DEPTH });
  } catch {
    return null;
  }
};

/** What the server refused with. What is no code of ours says nothing about the request: `unavailable`. */
export const refusalOf = (answer: IncomingMessage, body: JsonValue): Refusal => {
  const { code, message, decision, retryAfter, status } = new ServerRefusal(
    answer.statusCode ?? 0,
    answer.headers,
    body,
  );
  const detail = code === 'internal' ? `the server answered ${status}` : message;
  return new Refusal(code === 'internal' ? 'unavailable' : code, detail, {
    ...(decision !== undefined && { decisionId: decision }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
};

/** The server's end of an upgraded connection answers at once: it takes it over, or refuses. */
const UPGRADE_MS = 30_000;

type Opened = (error: Error | null, socket: Duplex) => void;

class VerifyingAgent extends Agent {
  readonly #open: () => Promise<Duplex>;

  constructor(open: () => Promise<Duplex>) {
    super({
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      maxFreeSockets: MAX_IDLE_SOCKETS,
      maxCachedSessions: 0,
      timeout: IDLE_MS,
    });
    this.#open = open;
  }

  override createConnection(_options: object, opened?: Opened): undefined {
    this.#open().then(
      (socket) => opened?.(null, socket),
      // Of a connection that failed nothing but the error is looked at.
      (error: unknown) => opened?.(error as Error, undefined as unknown as Duplex),
    );
    return undefined;
  }

  /** What is under way ends; nothing new is sent on these connections. */
  retire(): void {
    this.maxFreeSockets = 0;
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

/** The server may close an idle connection in the moment in which we take it; asking twice is safe (DEC-12). */
const wasClosedIdle = ({ reusedSocket }: ClientRequest, error: unknown): boolean =>
  reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';

/** Requests over kept connections. A new identity or other authorities mean new connections. */
export class Requests {
  readonly #addresses: ServerAddresses;
  readonly #connecting: Connecting;
  #agent: VerifyingAgent | undefined;
  #identity: ClientIdentity | undefined;
  #trust: readonly Uint8Array[] | undefined;

  constructor(addresses: ServerAddresses, connecting: Connecting) {
    this.#addresses = addresses;
    this.#connecting = connecting;
  }

  /** POSTs JSON, or nothing, and reads the answer by `schema`. Refuses as `AgentServer` says. */
  async post<T extends z.ZodType>(path: string, body: string | undefined, schema: T): Promise<z.output<T>> {
    const parsed = schema.safeParse(await this.#exchange(path, body, true));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new Refusal('unavailable', `the answer of the server to ${path} cannot be read`, {
      reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    });
  }

  /**
   * A connection taken over for another protocol: one that just answered a request, if there is one, since a handshake costs the
   * server more than all that is said on it at first. Refuses as `AgentServer` says.
   */
  upgrade(path: string, protocol: string, signal: AbortSignal): Promise<TLSSocket> {
    return this.#upgrade(path, protocol, signal, true);
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #upgrade(path: string, protocol: string, signal: AbortSignal, mayRepeat: boolean): Promise<TLSSocket> {
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const { host } = this.#addresses;
    const request = httpsRequest({
      host,
      path,
      agent: this.#currentAgent(),
      headers: { host, connection: 'Upgrade', upgrade: protocol },
      signal,
    });
    const stop = this.#connecting.delays.after(UPGRADE_MS, () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.once('upgrade', (answer: IncomingMessage, socket: Duplex, head: Buffer) => {
      const taken = socket as TLSSocket;
      if (answer.headers.upgrade?.toLowerCase() !== protocol) {
        taken.destroy();
        reject(new Error('it speaks another protocol'));
        return;
      }
      // It had one while it was idle.
      taken.setTimeout(0);
      if (head.length > 0) taken.unshift(head);
      resolve(taken);
    });
    request.once('response', (answer: IncomingMessage) => {
      readAnswer(answer).then((body) => reject(refusalOf(answer, body)), reject);
    });
    request.end();
    try {
      return await promise;
    } catch (error) {
      if (mayRepeat && wasClosedIdle(request, error)) return await this.#upgrade(path, protocol, signal, false);
      throw unreachable(host, error);
    } finally {
      stop();
    }
  }

  #currentAgent(): VerifyingAgent {
    const identity = this.#connecting.identity?.();
    const trust = this.#connecting.trust();
    if (this.#agent && identity === this.#identity && trust === this.#trust) return this.#agent;
    this.#agent?.retire();
    this.#identity = identity;
    this.#trust = trust;
    this.#agent = new VerifyingAgent(() => this.#addresses.open(this.#connecting));
    return this.#agent;
  }

  async #exchange(path: string, body: string | undefined, mayRepeat: boolean): Promise<JsonValue> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { host } = this.#addresses;
    const request = httpsRequest({
      host,
      method: 'POST',
      path,
      agent: this.#currentAgent(),
      headers: {
        host,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        'content-length': Buffer.byteLength(body ?? ''),
      },
    });
    request.on('error', reject);
    request.once('response', resolve);
    let late: Error | undefined;
    const stop = this.#connecting.delays.after(REQUEST_MS, () => {
      late = new Error('no answer in time');
      request.destroy(late);
    });
    request.end(body);
    try {
      const answer = await promise;
      const read = await readAnswer(answer);
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) return read;
      throw refusalOf(answer, read);
    } catch (error) {
      // In the middle of an answer the runtime tells of a connection that was cut, whoever cut it.
      if (late !== undefined) throw unreachable(host, late);
      if (mayRepeat && wasClosedIdle(request, error)) return await this.#exchange(path, body, false);
      throw unreachable(host, error);
    } finally {
      stop();
    }
  }
}
