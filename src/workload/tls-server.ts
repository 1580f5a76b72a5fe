import { createSecureServer, type Http2SecureServer, type SecureServerOptions } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { RequestListener } from 'node:http';
import { createServer as createHttps, type Server as HttpsServer, type ServerOptions } from 'node:https';
import {
  createServer as createTls,
  type SecureContextOptions,
  type Server as TlsServer,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import { WorkloadError } from './errors.ts';
import { verifyPeer, type TlsPolicy } from './peer.ts';
import { identityOptions } from './tls-context.ts';
import { markPeer, presentedChain } from './tls-peer.ts';

const HANDSHAKE_MS = 10_000;

/**
 * Options for a TLS server of ours, which then has to be given to `guardServer`: Node.js has no place in the options of a
 * server for a check of its clients. On their own they let nobody in. Throws `no_identity` when the source has none.
 */
export const serverTlsOptions = ({ source }: Pick<TlsPolicy, 'source'>) => ({
  ...identityOptions(source),
  // No CA at all: with one, OpenSSL builds a chain of its own, and Node.js then hides the certificates that the client sent.
  ca: [] as string[],
  requestCert: true,
  rejectUnauthorized: true,
});

const check = (socket: TLSSocket, policy: TlsPolicy): void => {
  // We never offer resumption. Should a server be made to, what was checked back then says nothing of now.
  if (socket.isSessionReused()) throw new WorkloadError('peer_not_trusted', 'the peer resumes a session');
  markPeer(socket, verifyPeer(presentedChain(socket), policy));
  // What OpenSSL thinks of a chain without CAs to hold it against is of no interest any more.
  Object.assign(socket, { authorized: true, authorizationError: null });
};

/** Members that `tls.Server` has of its options. */
interface ServerSettings {
  requestCert: boolean;
  rejectUnauthorized: boolean;
}

/**
 * Makes a server that was created with `serverTlsOptions` accept exactly the clients that are trusted and authorized. It is
 * gated where connections become known at all: a client that fails is cut off, and no listener, parser or handler of the
 * server hears of it but `tlsClientError`. New handshakes use new certificates as they come; after a withdrawal there are none,
 * and every handshake fails. Clients that are connected stay so. `context` is what new certificates are to be used with, like
 * `minVersion` or `ciphers`. Gives the server back.
 */
export const guardServer = <Server extends TlsServer>(
  server: Server,
  policy: TlsPolicy,
  context: SecureContextOptions = {},
): Server => {
  const emit = server.emit.bind(server);
  const admit = (socket: TLSSocket): boolean => {
    try {
      check(socket, policy);
      return true;
    } catch (error) {
      socket.destroy();
      emit('tlsClientError', error, socket);
      return false;
    }
  };
  server.emit = (event: string | symbol, ...parameters: unknown[]): boolean =>
    event === 'secureConnection' && !admit(parameters[0] as TLSSocket) ? true : emit(event, ...parameters);
  const settings = server as TlsServer as unknown as ServerSettings;
  settings.requestCert = true;
  settings.rejectUnauthorized = false;

  const { source } = policy;
  const renew = (): void => server.setSecureContext({ ...context, ...serverTlsOptions(policy) });
  const withdraw = (): void => server.setSecureContext({ ca: [] });
  const update = (): void => {
    try {
      renew();
    } catch (error) {
      if (!(error instanceof WorkloadError)) throw error;
      withdraw();
    }
  };
  source.on('update', update).on('withdrawn', withdraw);
  server.once('close', () => source.off('update', update).off('withdrawn', withdraw));
  update();
  return server;
};

/** What the policy decides is not for the caller to set. */
type Own = keyof ReturnType<typeof serverTlsOptions> | 'SNICallback' | 'pfx' | 'secureContext';

const settingsOf = <Options>(policy: TlsPolicy, options: Options) => ({
  handshakeTimeout: HANDSHAKE_MS,
  ...options,
  ...serverTlsOptions(policy),
});

/** A `tls.Server` behind the guard of `guardServer`; `peerOf(socket)` tells who is there. */
export const createTlsServer = (
  policy: TlsPolicy,
  options: Omit<TlsOptions, Own> = {},
  listener?: (socket: TLSSocket) => void,
): TlsServer => guardServer(createTls(settingsOf(policy, options), listener), policy, options);

/** An `https.Server` behind the guard of `guardServer`; `peerOf(request.socket)` tells who asks. */
export const createHttpsServer = (
  policy: TlsPolicy,
  options: Omit<ServerOptions, Own> = {},
  listener?: RequestListener,
): HttpsServer => guardServer(createHttps(settingsOf(policy, options), listener), policy, options);

/** A secure server of http2 behind the guard of `guardServer`; `peerOf(stream.session.socket)` tells who asks. */
export const createHttp2Server = (
  policy: TlsPolicy,
  options: Omit<SecureServerOptions, Own> = {},
  listener?: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Http2SecureServer => guardServer(createSecureServer(settingsOf(policy, options), listener), policy, options);
