import { Agent, request as httpRequest } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { hash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { Admission } from '../../src/adapters/http/admission.ts';
import type { AdmissionOptions } from '../../src/adapters/http/admission.ts';
import { buildApp } from '../../src/adapters/http/app.ts';
import type { AppServices } from '../../src/adapters/http/app.ts';
import { RateLimits } from '../../src/adapters/http/limits.ts';
import type { LimitOptions } from '../../src/adapters/http/limits.ts';
import { Metrics } from '../../src/adapters/http/metrics.ts';
import { networkPeers } from '../../src/adapters/http/peer.ts';
import type { Peer } from '../../src/adapters/http/peer.ts';
import type { CallerChecks } from '../../src/adapters/http/request-context.ts';
import type { Listener, Route } from '../../src/adapters/http/route.ts';
import { createHttpServer } from '../../src/adapters/http/server.ts';
import type { HttpServer } from '../../src/adapters/http/server.ts';
import type { ServerLimits } from '../../src/adapters/http/server-limits.ts';
import type { TlsIdentity, TlsIdentityProvider } from '../../src/adapters/http/tls.ts';
import { WorkLimit } from '../../src/adapters/http/work-limit.ts';
import { TOKEN_BUCKET_BYTES, TokenBuckets } from '../../src/adapters/http/token-buckets.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { encodePem } from '../../src/formats/pem.ts';
import type { LogFields, Logger } from '../../src/ports/logger.ts';
import { issueLeaf, leafPlan, newCa, newKey } from './x509.ts';

/** A logger that keeps its lines. */
export const keepingLogger = (): Logger & { readonly lines: { message: string; fields: LogFields }[] } => {
  const lines: { message: string; fields: LogFields }[] = [];
  const keep = (message: string, fields: LogFields = {}): void => void lines.push({ message, fields });
  const logger = { lines, debug: keep, info: keep, warn: keep, error: keep, with: () => logger };
  return logger;
};

/** Lets nobody in. */
export const noCallers: CallerChecks = {
  caller: () => Promise.reject(new Refusal('unauthenticated', 'a client certificate is required')),
  admin: () => Promise.reject(new Refusal('forbidden', 'no')),
  refuse: (refusal) => Promise.resolve(refusal),
};

export interface TestServices extends AppServices {
  readonly logger: ReturnType<typeof keepingLogger>;
}

export const testServices = (
  options: { callers?: CallerChecks; limits?: LimitOptions; admission?: AdmissionOptions } = {},
): TestServices => ({
  clock: systemClock,
  logger: keepingLogger(),
  limits: new RateLimits(
    new TokenBuckets(new SharedArrayBuffer(TOKEN_BUCKET_BYTES), randomBytes(8)),
    systemClock,
    options.limits,
  ),
  admission: new Admission(options.admission),
  work: new WorkLimit({ now: () => systemClock.monotonic(), busy: () => 0 }),
  metrics: new Metrics(),
  callers: options.callers ?? noCallers,
});

/** A server certificate of a CA of its own; each call makes another. */
export const newTlsIdentity = async (): Promise<TlsIdentity> => {
  const ca = await newCa();
  const key = newKey();
  const leaf = await issueLeaf(ca, leafPlan(ca, key));
  return {
    certificateChain: encodePem('CERTIFICATE', leaf),
    privateKey: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};

/** An identity that the test may change. */
export const changingIdentity = (
  first: TlsIdentity,
): TlsIdentityProvider & { change(identity: TlsIdentity): void; readonly followers: number } => {
  const listeners = new Set<(identity: TlsIdentity) => void>();
  let current = first;
  return {
    current: () => current,
    onChange: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    change: (identity) => {
      current = identity;
      for (const listener of listeners) listener(identity);
    },
    get followers() {
      return listeners.size;
    },
  };
};

export interface StartOptions {
  readonly listener?: Listener;
  readonly services?: AppServices;
  readonly identity?: TlsIdentityProvider;
  readonly limits?: Partial<ServerLimits>;
  readonly peerOf?: (socket: Socket) => Peer;
}

export interface RunningServer {
  readonly server: HttpServer;
  readonly port: number;
}

/** The routes on a real socket; TLS if there is an identity. */
export const startServer = async (routes: readonly Route[], options: StartOptions = {}): Promise<RunningServer> => {
  const { listener = 'api', services = testServices(), identity, limits, peerOf = networkPeers() } = options;
  const { listener: app, direct } = buildApp(routes, listener, services, peerOf);
  const server = createHttpServer({
    app,
    direct: { app: direct, clock: systemClock },
    delays: systemTimers,
    ...(identity && { tls: { identity, clientCertificates: listener === 'api' } }),
    ...(limits && { limits }),
  });
  return { server, port: await server.listen({ host: '127.0.0.1', port: 0 }) };
};

export interface Asked {
  readonly port?: number;
  readonly socketPath?: string;
  readonly tls?: boolean;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent | TlsAgent;
  readonly cert?: string;
  readonly key?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

/** One request over a connection of its own, unless an agent is given. */
export const ask = (asked: Asked): Promise<Answered> => {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const { port, socketPath, tls = false, method = 'GET', path, headers = {}, body, agent = false, cert, key } = asked;
  const options = {
    method,
    path,
    headers: { ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }), ...headers },
    agent,
    ...(socketPath === undefined ? { host: '127.0.0.1', port } : { socketPath }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  const request = tls ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
  request.once('error', reject);
  request.once('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('error', reject);
    response.once('end', () => {
      const text = Buffer.concat(chunks).toString();
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        json: () => JSON.parse(text) as Record<string, unknown>,
      });
    });
  });
  request.end(body);
  return promise;
};

export const askJson = (asked: Omit<Asked, 'body'> & { readonly value: unknown }): Promise<Answered> => {
  const { value, ...rest } = asked;
  return ask({
    method: 'POST',
    ...rest,
    headers: { 'content-type': 'application/json', ...rest.headers },
    body: JSON.stringify(value),
  });
};

export const sha256 = (octets: Uint8Array): string => hash('sha256', octets, 'hex');
