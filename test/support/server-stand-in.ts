import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW_INSTANT, type TestCa } from './x509.ts';
import { testClock } from './ledger.ts';

export const SERVER_ID = 'spiffe://example.org/mayfly/server';

/** A clock at which certificates of `test/support/x509.ts` are good. */
export const standInClock = () => testClock(NOW_INSTANT);

/** A root, the issuing CA below it. */
export interface StandInAuthority {
  readonly root: TestCa;
  readonly issuing: TestCa;
}

export const newAuthority = async (): Promise<StandInAuthority> => {
  const root = await newCa();
  return { root, issuing: await newCa(root) };
};

export interface StandInOptions {
  readonly authority: StandInAuthority;
  /** What its certificate says; the server's own unless told. */
  readonly spiffeId?: string;
  readonly notAfter?: number;
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void;
  /** The connection after `101`. */
  readonly upgraded?: (socket: Duplex, path: string) => void;
  readonly upgradeTo?: string;
  /** Answers a wish to upgrade as any other request. */
  readonly refuseUpgrade?: boolean;
  readonly maxVersion?: 'TLSv1.2';
}

export interface StandIn {
  readonly url: URL;
  /** Connections so far. */
  readonly connections: () => number;
  /** Octets of requests that came in. */
  readonly heard: () => number;
  close(): Promise<void>;
}

/** Something that answers where a server should: over real TLS, with a certificate of the test's choosing. */
export const startStandIn = async (options: StandInOptions): Promise<StandIn> => {
  const { authority, spiffeId = SERVER_ID, upgradeTo = 'mayfly-sync' } = options;
  const key = newKey();
  const ended = options.notAfter && { notBefore: options.notAfter - 60, notAfter: options.notAfter };
  const changes = { spiffeId: parseSpiffeId(spiffeId), ...ended };
  const leaf = await issueLeaf(authority.issuing, leafPlan(authority.issuing, key, changes));
  const sockets = new Set<Duplex>();
  let connections = 0;
  let heard = 0;
  const server: Server = createServer({
    cert: [leaf, authority.issuing.certificate.der].map((der) => encodePem('CERTIFICATE', der)).join(''),
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    requestCert: true,
    rejectUnauthorized: false,
    ...(options.maxVersion && { maxVersion: options.maxVersion }),
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.on('secureConnection', (socket: Duplex) => {
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.length;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => {
    request.resume();
    if (options.answer) options.answer(request, response);
    else response.writeHead(404).end();
  });
  if (options.refuseUpgrade !== true) {
    server.on('upgrade', (request, socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${upgradeTo}\r\n\r\n`);
      options.upgraded?.(socket, request.url ?? '');
    });
  }
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    connections: () => connections,
    heard: () => heard,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
};

/** Answers JSON. */
export const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  const type = status < 300 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
};
