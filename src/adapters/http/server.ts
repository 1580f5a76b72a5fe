import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ListenOptions, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer } from 'node:tls';
import type { Clock } from '../../ports/clock.ts';
import type { Delays } from '../../ports/timers.ts';
import { Connections } from './connections.ts';
import { type DirectApp, serveDirectly } from './direct-connection.ts';
import { ExpressRequest, ExpressResponse } from './messages.ts';
import { PROBLEM_TYPE, PROBLEMS, problemType } from './problem.ts';
import type { ProblemCode } from './problem.ts';
import { secureContextOptions, tlsServerOptions } from './tls.ts';
import type { TlsIdentityProvider } from './tls.ts';
import { asksForUpgrade, offerUpgrade } from './upgrade.ts';
import { AnswerLines } from './whole-answer.ts';

/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { createServer } = process.getBuiltinModule('node:http');

/** What one listener puts up with. Durations in milliseconds. */
export interface ServerLimits {
  readonly handshakeTimeout: number;
  /** From the first byte of a request, or the start of a connection, to the end of the headers. */
  readonly headersTimeout: number;
  /** To the end of the body. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** A connection on which nothing moves in either direction. */
  readonly idleTimeout: number;
  /** How often the timeouts are looked at. */
  readonly checkInterval: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** Beyond it the connection that is missed least goes. */
  readonly maxConnections: number;
  /** Requests that one connection may send without reading an answer. */
  readonly maxPipelined: number;
  /** Octets of the headers of those of them that wait behind the first. */
  readonly maxPipelinedBytes: number;
  /** TLS handshakes begun in one turn of the event loop; others wait for the next ones. */
  readonly handshakesPerTurn: number;
  /** How long a graceful close waits for what was accepted (DEC-37). */
  readonly closeTimeout: number;
}

const DEFAULT_SERVER_LIMITS: ServerLimits = {
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  idleTimeout: 120_000,
  checkInterval: 1_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxConnections: 10_000,
  maxPipelined: 16,
  maxPipelinedBytes: 64 * 1024,
  handshakesPerTurn: 8,
  closeTimeout: 1_800,
};

export interface TlsSetup {
  readonly identity: TlsIdentityProvider;
  /** Ask for client certificates; nobody is turned away for lack of one. */
  readonly clientCertificates: boolean;
}

export interface HttpServerOptions {
  readonly app: RequestListener;
  /** Over TLS, answers what it can before `app` is asked. */
  readonly direct?: { readonly app: DirectApp; readonly clock: Pick<Clock, 'now'> };
  readonly delays: Delays;
  /** Absent: plain HTTP, which only a Unix socket or the loopback interface gets (AS-04). */
  readonly tls?: TlsSetup;
  readonly limits?: Partial<ServerLimits>;
  readonly onConnections?: (open: number) => void;
  /** Requests may ask for `UPGRADE_PROTOCOL`; whoever takes a connection over closes it before `close` can end. */
  readonly upgrades?: boolean;
  /** Looks at a connection before its first byte is read, and may destroy it. */
  readonly onConnection?: (socket: Socket) => void;
}

export type ListenAddress =
  | { readonly host: string; readonly port: number; readonly reusePort?: boolean }
  | { readonly path: string };

export interface HttpServer {
  /** Resolves to the port (0 on a Unix socket) when connections are accepted. */
  listen(address: ListenAddress): Promise<number>;
  /** Accepts nothing new, answers what was accepted, then closes; resolves when all is closed, within `closeTimeout`. */
  close(): Promise<void>;
}

/** What is told to a peer whose request is not even HTTP; written by hand, since there is no response object. */
const rawProblem = (status: number, phrase: string, code: ProblemCode, detail: string): string => {
  const body = JSON.stringify({
    type: problemType(code),
    title: PROBLEMS[code].title,
    status,
    code,
    detail,
  });
  const head = `content-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncache-control: no-store`;
  return `HTTP/1.1 ${status} ${phrase}\r\n${head}\r\nconnection: close\r\n\r\n${body}`;
};

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: rawProblem(408, 'Request Timeout', 'invalid_request', 'the request took too long'),
  HPE_HEADER_OVERFLOW: rawProblem(
    431,
    'Request Header Fields Too Large',
    'payload_too_large',
    'the headers are too large',
  ),
};
/** Of a peer whose connection is served directly. */
const TOO_SLOW: NodeJS.ErrnoException = Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
const NOT_HTTP = rawProblem(400, 'Bad Request', 'invalid_request', 'this is not well-formed HTTP');

/** Only a peer that speaks HTTP is answered: one that got stuck in its TLS handshake could never read it. */
const answerClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  const code = error.code ?? '';
  const isHttp = code.startsWith('HPE_') || code in CLIENT_ERRORS;
  if (isHttp && socket.writable) socket.end(CLIENT_ERRORS[code] ?? NOT_HTTP, () => socket.destroy());
  else socket.destroy();
};

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

const nodeOptions = (limits: ServerLimits): ServerOptions<typeof ExpressRequest, typeof ExpressResponse> => ({
  IncomingMessage: ExpressRequest,
  ServerResponse: ExpressResponse,
  headersTimeout: limits.headersTimeout,
  requestTimeout: limits.requestTimeout,
  keepAliveTimeout: limits.keepAliveTimeout,
  connectionsCheckingInterval: limits.checkInterval,
  maxHeaderSize: limits.maxHeaderBytes,
});

type AnyServer = Server & { setSecureContext?: TlsServer['setSecureContext'] };

const createNodeServer = ({ tls, upgrades }: HttpServerOptions, limits: ServerLimits): AnyServer => {
  const messages = { ...nodeOptions(limits), ...(upgrades === true && { shouldUpgradeCallback: asksForUpgrade }) };
  if (tls === undefined) return createServer(messages);
  const { identity, clientCertificates } = tls;
  return createTlsServer({
    ...messages,
    // Nothing is read before its handshake may begin.
    pauseOnConnect: true,
    ...tlsServerOptions(identity.current(), clientCertificates, limits.handshakeTimeout),
  });
};

/** What a TLS server does with a connection that was accepted, taken out of its hands: it wraps it and begins to read. */
const takeOverStart = (server: Server): ((socket: Socket) => void) => {
  const starters = server.listeners('connection');
  server.removeAllListeners('connection');
  return (socket) => {
    for (const starter of starters) starter.call(server, socket);
  };
};

const boundPort = (server: Server): number => {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
};

/** Shared by all, since some of these connections stay for days. */
function destroyIt(this: Socket): void {
  this.destroy();
}

/**
 * Answers as any other request, on a connection that ends with its answer unless it is taken over. A peer that asks before it
 * had the answers to what it asked earlier is cut off: those answers have the connection.
 */
const answerUpgrade = (
  app: RequestListener,
  connections: Connections,
  { request, socket, first }: { request: ExpressRequest; socket: Socket; first: Buffer },
): void => {
  if (connections.isOwed(socket)) {
    socket.destroy();
    return;
  }
  const response = new ExpressResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  socket.on('error', destroyIt);
  if (!connections.began(socket, response)) return;
  offerUpgrade(request, {
    socket,
    first,
    taken: () => {
      response.detachSocket(socket);
      connections.taken(response);
    },
  });
  app(request, response);
};

/** An HTTP server with limits on everything, and a close that cuts off nobody who is being answered. */
export const createHttpServer = (options: HttpServerOptions): HttpServer => {
  const limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
  const { tls, delays } = options;
  const server = createNodeServer(options, limits);
  const connections = new Connections(
    {
      most: limits.maxConnections,
      startsPerTurn: limits.handshakesPerTurn,
      mostOwed: limits.maxPipelined,
      mostQueued: limits.maxPipelinedBytes,
    },
    options.onConnections,
  );
  const start = tls === undefined ? () => undefined : takeOverStart(server);
  server.maxHeadersCount = limits.maxHeaders;
  server.timeout = limits.idleTimeout;
  server.on('connection', (socket: Socket) => {
    connections.opened(socket, () => start(socket));
    options.onConnection?.(socket);
  });
  if (tls !== undefined && options.direct) {
    serveDirectly(server, {
      app: options.direct.app,
      lines: new AnswerLines(options.direct.clock, limits.keepAliveTimeout),
      began: (socket, answer) => connections.began(socket, answer),
      tooSlow: (socket) => answerClientError(TOO_SLOW, socket),
      requestTimeout: limits.headersTimeout,
      keepAliveTimeout: limits.keepAliveTimeout,
    });
  }
  server.on('clientError', answerClientError);
  server.on('request', (request, response) => {
    if (connections.began(request.socket, response)) options.app(request, response);
  });
  if (options.upgrades === true) {
    server.on('upgrade', (request: ExpressRequest, socket: Socket, first: Buffer) =>
      answerUpgrade(options.app, connections, { request, socket, first }),
    );
  }
  const stopFollowing = tls?.identity.onChange((identity) =>
    server.setSecureContext?.(secureContextOptions(identity, tls.clientCertificates)),
  );
  return {
    listen: (address) => {
      if (tls === undefined && 'host' in address && !LOOPBACK.has(address.host)) {
        return Promise.reject(new Error('plain HTTP is served on the loopback interface only'));
      }
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      server.once('error', reject);
      server.listen(address as ListenOptions, () => {
        server.off('error', reject);
        resolve(boundPort(server));
      });
      return promise;
    },
    close: () => {
      stopFollowing?.();
      const { promise, resolve } = Promise.withResolvers<void>();
      const callOff = delays.after(limits.closeTimeout, () => connections.destroyAll());
      server.close(() => {
        callOff();
        resolve();
      });
      connections.drain();
      return promise;
    },
  };
};
