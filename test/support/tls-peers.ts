import { EventEmitter, once } from 'node:events';
import { webcrypto } from 'node:crypto';
import type { AddressInfo, Server } from 'node:net';
import { connect, createServer, type ConnectionOptions, type TlsOptions, type TLSSocket } from 'node:tls';
import { encodePem } from '../../src/formats/pem.ts';
import type { Authorizer } from '../../src/workload/authorize.ts';
import { WorkloadError } from '../../src/workload/errors.ts';
import type { TlsPolicy, TlsSource } from '../../src/workload/peer.ts';
import type { SourceEvents } from '../../src/workload/source.ts';
import { readX509Context, type X509Context, type X509Svid } from '../../src/workload/x509-context.ts';
import { foreign, type ForeignPlan } from './foreign-certificates.ts';
import { nowSeconds, pkcs8, x509Message, type TestDomain, type TestSvid } from './workload-identities.ts';

/** A source of identities without an agent behind it. */
export class TestSource extends EventEmitter<SourceEvents> {
  #context: X509Context | undefined;

  constructor(svid: TestSvid, domain: TestDomain, federated: Readonly<Record<string, Buffer>> = {}) {
    super();
    this.#context = readX509Context(x509Message(svid, domain, federated));
  }

  rotate(svid: TestSvid, domain: TestDomain): void {
    this.#context = readX509Context(x509Message(svid, domain));
    this.emit('update');
  }

  withdraw(): void {
    this.#context = undefined;
    this.emit('withdrawn');
  }

  svid(): X509Svid {
    const svid = this.#context?.svids[0];
    if (svid === undefined) throw new WorkloadError('no_identity', 'none');
    return svid;
  }

  bundles(): X509Context['bundles'] {
    return this.#context?.bundles ?? new Map<never, never>();
  }
}

export const policyOf = (source: TestSource, authorize: Authorizer = () => true): TlsPolicy => ({
  source: source as unknown as TlsSource,
  authorize,
});

export interface PemIdentity {
  readonly cert: string;
  readonly key: string;
}

const pemChain = (chain: readonly Uint8Array[]): string => chain.map((der) => encodePem('CERTIFICATE', der)).join('');

/** An SVID as plain TLS takes it. */
export const pemIdentity = ({ chain, key }: TestSvid): PemIdentity => ({
  cert: pemChain(chain),
  key: encodePem('PRIVATE KEY', pkcs8(key)),
});

const times = { notBefore: nowSeconds() - 60, notAfter: nowSeconds() + 600 };

/** A trust domain whose authority signs anything. */
export const laxDomain = async () => {
  const root = await foreign({ name: 'lax root', ca: true, ...times });
  return {
    bundle: root.der,
    async identity(changes: Partial<ForeignPlan>): Promise<PemIdentity> {
      const leaf = await foreign({
        name: 'leaf',
        issuer: root,
        uris: ['spiffe://example.org/api'],
        ...times,
        ...changes,
      });
      const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.keys.privateKey));
      return { cert: pemChain([leaf.der]), key: encodePem('PRIVATE KEY', key) };
    },
  };
};

export const listen = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

export const closed = async (server: Server): Promise<void> => {
  server.close();
  await once(server, 'close');
};

/** A server that checks nobody, and keeps every byte that it is sent. */
export const greedyServer = async (identity: PemIdentity, options: TlsOptions = {}) => {
  const got: string[] = [];
  const resumed: boolean[] = [];
  const server = createServer({ ...identity, ...options }, (socket) => {
    resumed.push(socket.isSessionReused());
    socket.on('data', (chunk: Buffer) => {
      got.push(chunk.toString());
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
    });
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  return { server, got, resumed, port: await listen(server) };
};

/** A client that checks nobody. It writes at once, and tells what came back until the end. */
export const carelessClient = async (
  port: number,
  options: ConnectionOptions = {},
  say = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
): Promise<string> => {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  let said = '';
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
  socket.on('error', () => undefined);
  socket.write(say);
  // Cut off early enough, it fails as well, which says nothing more.
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return said;
};
