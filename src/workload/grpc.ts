import { hash } from 'node:crypto';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import {
  experimental,
  ServerCredentials,
  type ChannelCredentials,
  type Server as GrpcServer,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { Peer } from './authorize.ts';
import type { TlsPolicy, TlsSource } from './peer.ts';
import { authoritiesOf, identityOptions } from './tls-context.ts';
import { serverCheck } from './tls-client.ts';
import { createTlsServer } from './tls-server.ts';
import { peerOf } from './tls-peer.ts';

type Tell = () => void;

/** Tells the parts of a channel what the source has now, at once and after each change; null while it has nothing. */
class Provider {
  readonly #source: TlsSource;
  readonly #listeners = new Map<unknown, Tell>();
  readonly #tellAll = (): void => {
    for (const tell of this.#listeners.values()) tell();
  };

  constructor(source: TlsSource) {
    this.#source = source;
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#add(listener, () => listener({ caCertificate: Buffer.from(authoritiesOf(this.#source).join('')) }));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#remove(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#add(listener, () => {
      const { cert, key } = identityOptions(this.#source);
      listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) });
    });
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#remove(listener);
  }

  #add(listener: (update: null) => void, give: Tell): void {
    const tell = (): void => {
      try {
        give();
      } catch {
        // No identity, or closed: then there are no credentials, and connecting fails.
        listener(null);
      }
    };
    if (this.#listeners.size === 0) this.#source.on('update', this.#tellAll).on('withdrawn', this.#tellAll);
    this.#listeners.set(listener, tell);
    queueMicrotask(tell);
  }

  #remove(listener: unknown): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#source.off('update', this.#tellAll).off('withdrawn', this.#tellAll);
  }
}

/**
 * Credentials for a client of @grpc/grpc-js: our identity of the moment on each connection, and a server that has to be a trusted
 * X.509-SVID of whom `authorize` allows, checked before a call is sent.
 */
export const grpcChannelCredentials = (policy: TlsPolicy): ChannelCredentials => {
  const provider = new Provider(policy.source);
  return experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity: serverCheck(policy),
    rejectUnauthorized: true,
  });
};

/** Leaves of the connections that are open, by their SHA-256, with how many there are. */
const open = new Map<string, { readonly peer: Peer; count: number }>();

const remember = (socket: TLSSocket): void => {
  const peer = peerOf(socket);
  if (peer === undefined) return;
  const entry = open.get(peer.sha256) ?? { peer, count: 0 };
  entry.count += 1;
  open.set(peer.sha256, entry);
  socket.once('close', () => {
    entry.count -= 1;
    if (entry.count === 0) open.delete(peer.sha256);
  });
};

/**
 * A listener for a server of @grpc/grpc-js, to call `listen` on in place of the server's own `bindAsync`: the credentials of
 * grpc-js have no place for a check of the client. Clients that are not trusted and authorized are cut off before a call of
 * theirs is read. Closing the listener ends no calls; the server's own `tryShutdown` and `forceShutdown` do.
 */
export const createGrpcListener = (server: GrpcServer, policy: TlsPolicy): TlsServer => {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return createTlsServer(policy, { ALPNProtocols: ['h2'] }, (socket) => {
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return;
    }
    remember(socket);
    injector.injectConnection(socket);
  });
};

/** Who makes a call that came in through `createGrpcListener`. */
export const peerOfCall = (call: Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>): Peer | undefined => {
  const raw = call.getAuthContext().sslPeerCertificate?.raw;
  return raw === undefined ? undefined : open.get(hash('sha256', raw, 'hex'))?.peer;
};
