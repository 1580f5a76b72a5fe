import { Agent, request as httpsRequest } from 'node:https';
import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Instant } from '../../src/domain/instant.ts';
import { serverId } from '../../src/domain/spiffe-id.ts';
import { readCertificate, type Certificate } from '../../src/formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import type { Answered } from './http.ts';
import { TRUST_DOMAIN } from './x509.ts';

/** What a TLS client shows. PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly keyPem: string;
}

export interface ClientRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** A caller of one listener, over one kept connection unless told. */
export interface Client {
  ask(path: string, request?: ClientRequest): Promise<Answered>;
  postJson(path: string, value: unknown): Promise<Answered>;
  postForm(path: string, form: Record<string, string> | string, headers?: Record<string, string>): Promise<Answered>;
  close(): void;
}

export interface ClientOptions {
  readonly url: string;
  /** DER of the roots that the server has to come from. */
  readonly roots: () => readonly Uint8Array[];
  readonly now: () => Instant;
  readonly certificate?: ClientCertificate;
  readonly tls?: ConnectionOptions;
  /** Connections at once; 1 unless told. */
  readonly sockets?: number;
  /** A new connection for each request. */
  readonly fresh?: boolean;
}

const presentedBy = (socket: TLSSocket): readonly Uint8Array[] => {
  const chain: Uint8Array[] = [];
  let next: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < 5) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
};

/** The server is who it should be at the client's own time, which may be a made-up one (DEC-18, DEC-43). */
const verifyServer = (socket: TLSSocket, { roots, now }: ClientOptions): void => {
  const svid = readX509Svid(presentedBy(socket));
  if (svid.spiffeId !== serverId(TRUST_DOMAIN)) throw new Error(`the server is ${svid.spiffeId}`);
  const anchors: readonly Certificate[] = roots().map(readCertificate);
  verifyX509Svid({ svid, rootsOf: () => anchors, now: now(), leewaySeconds: 10 });
};

type Opened = (error: Error | null, socket: Duplex) => void;

/** Hands a connection out only after the server's identity was verified. */
class VerifyingAgent extends Agent {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    super({ keepAlive: options.fresh !== true, maxSockets: options.sockets ?? 1, maxCachedSessions: 0 });
    this.#options = options;
  }

  override createConnection(_options: object, opened?: Opened): undefined {
    const { url, certificate, tls } = this.#options;
    const { hostname, port } = new URL(url);
    const socket = connect({
      host: hostname,
      port: Number(port),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
      ...(certificate && { cert: certificate.cert, key: certificate.keyPem }),
      ...tls,
    });
    const failed = (error: Error): void => opened?.(error, socket);
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      try {
        verifyServer(socket, this.#options);
      } catch (error) {
        socket.destroy();
        opened?.(error as Error, socket);
        return;
      }
      socket.off('error', failed);
      opened?.(null, socket);
    });
    return undefined;
  }
}

const FORM = 'application/x-www-form-urlencoded';

export const newClient = (options: ClientOptions): Client => {
  const agent = new VerifyingAgent(options);
  const ask: Client['ask'] = (path, { method = 'GET', headers = {}, body } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const request = httpsRequest(`${options.url}${path}`, {
      method,
      agent,
      headers: { ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }), ...headers },
    });
    request.setTimeout(10_000, () => request.destroy(new Error(`no answer to ${method} ${path}`)));
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    request.end(body);
    return promise;
  };
  return {
    ask,
    postJson: (path, value) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(value),
      }),
    postForm: (path, form, headers = {}) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': FORM, ...headers },
        body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
      }),
    close: () => agent.destroy(),
  };
};
