import { createServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Challenge, challengeHeader } from './challenge.ts';
import { checkToken } from './check-token.ts';
import type { Trust } from './check-token.ts';
import type { TlsClient } from '../shared/request.ts';

export interface OrdersApi {
  readonly url: string;
  close(): Promise<void>;
}

export interface OrdersApiOptions extends Trust {
  /** Its own X.509-SVID. */
  readonly identity: TlsClient;
  /** PEM: callers need a certificate that leads to one of these. */
  readonly bundle: string;
}

const ORDERS = [
  { id: 1041, item: 'lamp' },
  { id: 1042, item: 'desk' },
];

/** Which scope an operation needs. */
const SCOPES: Readonly<Record<string, string>> = { GET: 'orders:read', POST: 'orders:write' };

const send = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(body));
};

const answer = async (request: IncomingMessage, response: ServerResponse, trust: Trust): Promise<void> => {
  const scope = SCOPES[request.method ?? ''];
  if (request.url !== '/orders' || scope === undefined) return send(response, 404, { error: 'not_found' });
  const certificate = (request.socket as TLSSocket).getPeerCertificate().raw;
  const caller = await checkToken({ authorization: request.headers.authorization, certificate, scope }, trust);
  return send(response, request.method === 'POST' ? 201 : 200, { caller, orders: ORDERS });
};

const fail = (error: unknown, response: ServerResponse): void => {
  if (!(error instanceof Challenge)) return send(response, 503, { error: 'temporarily_unavailable' });
  const body = { error: error.error ?? 'token_required', error_description: error.message };
  return send(response, error.status, body, { 'www-authenticate': challengeHeader(error) });
};

const addressOf = (server: Server): string => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

/**
 * A small API that takes access tokens: `GET /orders` wants `orders:read`, `POST /orders` wants `orders:write`. Callers
 * come over mTLS, so that it can check whom a token was given to. It fails closed: when Mayfly cannot be asked whether
 * a token is still good, nobody gets in.
 */
export const startOrdersApi = async ({ identity, bundle, ...trust }: OrdersApiOptions): Promise<OrdersApi> => {
  const tls = {
    cert: identity.chain,
    key: identity.privateKey,
    ca: bundle,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  } as const;
  const server = createServer(tls, (request, response) => {
    answer(request, response, trust).catch((error: unknown) => fail(error, response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    url: addressOf(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
