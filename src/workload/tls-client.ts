import { Agent, type AgentOptions as HttpsAgentOptions, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Authorizer, Peer } from './authorize.ts';
import { verifyPeer, type TlsPolicy } from './peer.ts';
import { clientContext } from './tls-context.ts';
import { chainOfServer, markPeer } from './tls-peer.ts';

const authorizers = new WeakMap<Authorizer, number>();
let lastAuthorizer = 0;

const authorizerNumber = (authorize: Authorizer): number => {
  const known = authorizers.get(authorize);
  if (known !== undefined) return known;
  lastAuthorizer += 1;
  authorizers.set(authorize, lastAuthorizer);
  return lastAuthorizer;
};

/** In place of the comparison of host names, which mean nothing here: the whole check of the server. */
export const serverCheck =
  (policy: TlsPolicy, verified?: (peer: Peer) => void) =>
  (_host: string, certificate: PeerCertificate): Error | undefined => {
    try {
      const peer = verifyPeer(chainOfServer(certificate), policy);
      verified?.(peer);
      return undefined;
    } catch (error) {
      return Error.isError(error) ? error : new TypeError('an authorizer threw something else than an Error');
    }
  };

/**
 * Options for `tls.connect`, `https.request` and `http2.connect`: our identity, and a server that has to be a trusted
 * X.509-SVID of whom `authorize` allows. The check runs inside the handshake's end, before a byte of the program leaves. Ask
 * for them again for each connection, since they hold what is true now; build the authorizer once, since connections are
 * shared between requests of the same one only.
 *
 * Whoever adds `rejectUnauthorized: false`, `checkServerIdentity` or `session` to them switches the check off.
 * Throws `no_identity` when the source has none.
 */
export const tlsOptions = (policy: TlsPolicy): ConnectionOptions & { readonly sessionIdContext: string } => {
  const { context, id } = clientContext(policy.source);
  return {
    secureContext: context,
    rejectUnauthorized: true,
    checkServerIdentity: serverCheck(policy),
    // An agent of https keeps sessions, and would skip the check of a server it knows.
    session: undefined,
    // A client has no use for it, but agents name connections by it: one of another rule or rotation is not taken.
    sessionIdContext: `spiffe-${id}-${authorizerNumber(policy.authorize)}`,
  };
};

/** Opens a connection whose check cannot be replaced, and remembers who answered. */
const open = (policy: TlsPolicy, options: ConnectionOptions): TLSSocket => {
  const socket: TLSSocket = connect({
    ...options,
    ...tlsOptions(policy),
    checkServerIdentity: serverCheck(policy, (peer) => markPeer(socket, peer)),
  });
  return socket;
};

export interface ConnectTlsOptions extends ConnectionOptions {
  /** Gives up connecting; closes the connection when it aborts later. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects, and resolves once the server was checked; `peerOf` tells who it is. Rejects with `peer_not_trusted`,
 * `peer_not_authorized`, `no_identity`, an error of the network, or the signal's reason.
 */
export const connectTls = async (policy: TlsPolicy, { signal, ...options }: ConnectTlsOptions): Promise<TLSSocket> => {
  signal?.throwIfAborted();
  const socket = open(policy, options);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => void socket.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal?.removeEventListener('abort', abort));
  socket.once('secureConnect', resolve).once('error', reject);
  try {
    await promise;
    return socket;
  } finally {
    socket.off('error', reject);
  }
};

/**
 * An agent for `https.request` (and everything that takes one): each connection that it opens has the identity of that moment, and
 * goes to a server that was checked. Options of a request cannot weaken the check. After a rotation requests take new
 * connections, so that none outlives for long what it was checked by.
 */
export class WorkloadAgent extends Agent {
  readonly #policy: TlsPolicy;
  /** Of connections that are open, by the options that each was opened with: an agent shows them whenever it asks for a name. */
  readonly #names = new WeakMap<object, string>();
  readonly #rotations = new WeakMap<Duplex, string>();

  constructor(policy: TlsPolicy, options: HttpsAgentOptions = {}) {
    super({ ...options, maxCachedSessions: 0 });
    this.#policy = policy;
  }

  /**
   * By this an agent finds a connection to take again: one of an earlier rotation is none. A connection keeps its name, however
   * much was rotated while a request was under way on it.
   */
  override getName(options?: RequestOptions): string {
    const known = options && this.#names.get(options);
    return known ?? `${super.getName(options)}:${this.#rotation()}`;
  }

  /** Called when a request is over: a connection of an earlier rotation waits for no other. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (this.#rotations.get(socket) !== this.#rotation()) return false;
    // The types leave out what it returns: false for a connection that the server will close.
    const isKept: unknown = super.keepSocketAlive(socket);
    return isKept === true;
  }

  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#dropOld();
    try {
      const name = this.getName(options);
      const socket = open(this.#policy, options as ConnectionOptions);
      this.#names.set(options, name);
      this.#rotations.set(socket, this.#rotation());
      return socket;
    } catch (error) {
      if (callback === undefined) throw error;
      // Without a stream: nothing was opened.
      callback(error as Error, undefined as unknown as Duplex);
      return undefined;
    }
  }

  #rotation(): string {
    try {
      return `spiffe-${clientContext(this.#policy.source).id}`;
    } catch {
      // Connecting says what is wrong.
      return 'spiffe-none';
    }
  }

  /** Connections that wait for a request that cannot come. */
  #dropOld(): void {
    const current = `:${this.#rotation()}`;
    for (const [name, sockets] of Object.entries(this.freeSockets)) {
      if (!name.endsWith(current)) for (const socket of sockets ?? []) socket.destroy();
    }
  }
}
