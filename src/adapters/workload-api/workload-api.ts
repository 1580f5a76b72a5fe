import { createServer, type Socket } from 'node:net';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import type { WorkloadSession, WorkloadSessions } from '../../agent/workload-session.ts';
import type { LogFields, Logger } from '../../ports/logger.ts';
import type { Delays } from '../../ports/timers.ts';
import { type CallerLimits, Callers } from './callers.ts';
import { type ConnectionParts, type OpenConnection, openConnection } from './connection.ts';
import { acceptCall } from './grpc/accept-call.ts';
import { ServerCall } from './grpc/server-call.ts';
import { ServiceTable } from './grpc/service-table.ts';
import { addHealth } from './health.ts';
import { OpenCalls } from './open-calls.ts';
import { addReflection } from './reflection.ts';
import { listenOnSocket } from './socket-file.ts';
import { encodedWorkloadDefinition, workloadPackage } from './workload-definition.ts';
import { workloadService } from './workload-service.ts';

/** What a further service on the socket is given. */
export interface ServiceContext {
  /** Who made a call; undefined when the connection has closed in the meantime. */
  readonly sessionOf: (call: object) => WorkloadSession | undefined;
  /**
   * Has `end` called when the agent closes, so that the call ends with Unavailable (WLE-18). The function returned
   * takes it back.
   */
  readonly whenClosing: (end: () => void) => () => void;
}

/** A service beside the Workload API, without its security header: Envoy cannot send it (WLE-5). */
export interface ServedService {
  readonly definition: ServiceDefinition;
  /** For reflection; left out, the service is not told of. */
  readonly packageDefinition?: PackageDefinition;
  readonly implement: (context: ServiceContext) => UntypedServiceImplementation;
}

export interface WorkloadApiLimits extends CallerLimits {
  /** Milliseconds within which a client has to begin to speak. */
  readonly prefaceMs: number;
  /** Milliseconds that open calls have to end when the agent closes. */
  readonly graceMs: number;
}

export const DEFAULT_WORKLOAD_API_LIMITS: WorkloadApiLimits = {
  connections: 8192,
  connectionsPerUid: 2048,
  prefaceMs: 5000,
  graceMs: 1000,
};

export interface WorkloadApiOptions {
  readonly sessions: WorkloadSessions;
  /** The user at the other end of an accepted socket. */
  readonly peerUid: (descriptor: number) => number;
  readonly delays: Delays;
  readonly logger: Logger;
  readonly services?: readonly ServedService[];
  readonly limits?: Partial<WorkloadApiLimits>;
  /** Who may connect; attestation decides what they get. 0666 unless told. */
  readonly socketMode?: number;
}

export interface WorkloadApi {
  /** Serves on a Unix socket. Rejects with one sentence for the operator. */
  listen(path: string): Promise<void>;
  /** What health checks are told, for everything and for the Workload API: NOT_SERVING until this is called. */
  setServing(isServing: boolean): void;
  /** How many connections are open. */
  connections(): number;
  /** Takes no more connections, ends every call with Unavailable, and resolves when all connections are gone. */
  close(): Promise<void>;
}

const SOCKET_MODE = 0o666;
const WARNING_INTERVAL_MS = 10_000;

const descriptorOf = (socket: Socket): number | undefined => {
  // Node has no public way from a socket to its descriptor.
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd === undefined || handle.fd < 0 ? undefined : handle.fd;
};

const addServices = (
  table: ServiceTable,
  services: readonly ServedService[],
  context: ServiceContext,
  calls: OpenCalls,
): void => {
  for (const { definition, implement } of services) table.addService(definition, implement(context));
  const known: PackageDefinition = Object.assign(
    {},
    ...services.map(({ packageDefinition = {} }) => packageDefinition),
  );
  addReflection(table, { ...known, ...workloadPackage }, calls);
};

/** Who calls: the session of the connection, as long as it is open. */
class Peer {
  session: WorkloadSession | undefined;
}

const sessionOf: ServiceContext['sessionOf'] = (call) =>
  call instanceof ServerCall && call.peer instanceof Peer ? call.peer.session : undefined;

/**
 * The agent's socket: the SPIFFE Workload API, gRPC health and reflection, and what else is given. Whoever connects is
 * looked at once by its descriptor, before it says a word; each call is then made in the name of that connection.
 */
export const createWorkloadApi = (options: WorkloadApiOptions): WorkloadApi => {
  const { sessions, peerUid, delays, logger } = options;
  const limits = { ...DEFAULT_WORKLOAD_API_LIMITS, ...options.limits };
  const callers = new Callers(limits);
  const calls = new OpenCalls();
  const table = new ServiceTable();
  table.addService(encodedWorkloadDefinition, workloadService({ sessionOf, calls, logger }));
  addServices(table, options.services ?? [], { sessionOf, whenClosing: (end) => calls.add(end) }, calls);
  const connections = new Map<Socket, OpenConnection>();
  const failed = (error: unknown): void =>
    logger.error('a call of the agent’s socket failed', { error: Error.isError(error) ? error.message : 'unknown' });

  const setServing = addHealth(table, calls);
  setServing(false);

  let isQuiet = false;
  /** Once in a while: whoever connects could fill the log otherwise. */
  const warn = (message: string, fields: LogFields): void => {
    if (isQuiet) return;
    isQuiet = true;
    delays.after(WARNING_INTERVAL_MS, () => {
      isQuiet = false;
    });
    logger.warn(message, fields);
  };

  /** Throws where the kernel does not tell who is there. */
  const open = (socket: Socket): void => {
    const descriptor = descriptorOf(socket);
    if (descriptor === undefined) {
      socket.destroy();
      return;
    }
    const uid = peerUid(descriptor);
    const admitted = callers.admit(uid);
    if (admitted === undefined) {
      warn('too many connections to the workload API', { uid, open: callers.open });
      socket.destroy();
      return;
    }
    const { share, leave } = admitted;
    socket.once('close', leave);
    const session = sessions.open(descriptor);
    const peer = new Peer();
    peer.session = session;
    socket.once('close', () => {
      connections.delete(socket);
      peer.session = undefined;
      session.close();
    });
    const context = { peer, room: share.requests, share, delays, failed };
    const accept: ConnectionParts['accept'] = (stream, head) => acceptCall(table, context, stream, head);
    connections.set(socket, openConnection(socket, { share, prefaceMs: limits.prefaceMs, delays, logger, accept }));
  };

  const listener = createServer((socket) => {
    // What goes wrong with a connection closes it, and that is all there is to do.
    socket.on('error', () => undefined);
    try {
      open(socket);
    } catch (error) {
      warn('a connection to the workload API was dropped', {
        error: Error.isError(error) ? error.message : 'unknown',
      });
      socket.destroy();
    }
  });

  return {
    listen: (path) => listenOnSocket(listener, path, options.socketMode ?? SOCKET_MODE),
    setServing,
    connections: () => callers.open,
    async close() {
      const listening = Promise.withResolvers<void>();
      listener.close(() => listening.resolve());
      const open = Array.from(
        connections.keys(),
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      );
      setServing(false);
      calls.endAll();
      // The ends of calls are written before the connections are told to go.
      setImmediate(() => {
        for (const connection of connections.values()) connection.leave();
      });
      const stopWaiting = delays.after(limits.graceMs, () => {
        for (const socket of connections.keys()) socket.destroy();
      });
      await Promise.all([listening.promise, ...open]);
      stopWaiting();
    },
  };
};
