import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ListenOptions, Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { Clock } from '../../ports/clock.ts';
import type { Delays } from '../../ports/timers.ts';
import { answerClientError, answerTooSlow } from './client-errors.ts';
import { Connections } from './connections.ts';
import { type DirectApp, serveDirectly } from './direct-connection.ts';
import { ExpressRequest, ExpressResponse } from './messages.ts';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from './server-limits.ts';
import { secureContextOptions, tlsServerOptions } from './tls.ts';
import type { TlsIdentityProvider } from './tls.ts';
import { asksForUpgrade, offerUpgrade } from './upgrade.ts';
import { AnswerLines } from './whole-answer.ts';

/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { createServer } = process.getBuiltinModule('node:http');

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
      delays,
      tooSlow: answerTooSlow,
      firstTimeout: limits.headersTimeout,
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
