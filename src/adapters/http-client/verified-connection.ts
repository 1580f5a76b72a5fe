import { constants, type KeyObject, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { Refusal } from '../../domain/refusal.ts';
import { serverId } from '../../domain/spiffe-id.ts';
import type { TrustDomain } from '../../domain/trust-domain.ts';
import { readCertificate, type Certificate } from '../../formats/certificate.ts';
import { encodePem } from '../../formats/pem.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Delays } from '../../ports/timers.ts';
import { readX509Svid, verifyX509Svid } from '../../verify/x509-path.ts';

/** What the agent shows of itself. `chain` in DER, leaf first. */
export interface ClientIdentity {
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}

/** Whom to connect to, and as whom. The functions are asked for each new connection; equal answers are the same object. */
export interface Connecting {
  readonly trustDomain: TrustDomain;
  /** DER of the authorities of the trust domain. */
  readonly trust: () => readonly Uint8Array[];
  readonly identity?: () => ClientIdentity | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly delays: Delays;
}

const MAX_INTERMEDIATES = 4;
/** Of the server's clock and ours (design.md §10). */
const LEEWAY_SECONDS = 60;
const HANDSHAKE_MS = 10_000;

const { SSL_OP_NO_TICKET } = constants;

/** Why nobody answered, in words; the library's own for what has none here. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name cannot be resolved now',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the network',
  ECONNRESET: 'the connection was cut',
};

/** The refusal for a connection that failed, whoever made the error. */
export const unreachable = (where: string, error: unknown): Refusal => {
  if (error instanceof Refusal) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = REASONS[code ?? ''] ?? message;
  return new Refusal('unavailable', `cannot reach the server at ${where}: ${reason}`, { reason });
};

const presentedBy = (socket: TLSSocket): readonly Uint8Array[] => {
  const leaf = socket.getPeerX509Certificate();
  const chain: Uint8Array[] = leaf === undefined ? [] : [leaf.raw];
  let next: X509Certificate | undefined = leaf?.issuerCertificate;
  while (next !== undefined && chain.length <= MAX_INTERMEDIATES) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
};

const parsedRoots = new WeakMap<readonly Uint8Array[], readonly Certificate[]>();

const rootsOf = (authorities: readonly Uint8Array[]): readonly Certificate[] => {
  const known = parsedRoots.get(authorities);
  if (known) return known;
  const roots = authorities.map(readCertificate);
  parsedRoots.set(authorities, roots);
  return roots;
};

const impostor = (where: string, text: string, reason?: string): Refusal =>
  new Refusal('unavailable', `${where} does not prove to be the server: ${text}`, {
    reason: reason === undefined ? text : `${text}: ${reason}`,
  });

/** DEC-18: exactly the server of this trust domain, under the authorities known now. */
const verifyServer = (where: string, socket: TLSSocket, { trustDomain, trust, clock }: Connecting): void => {
  const expected = serverId(trustDomain);
  try {
    const svid = readX509Svid(presentedBy(socket));
    if (svid.spiffeId !== expected) throw impostor(where, `it is ${svid.spiffeId} and not ${expected}`);
    const roots = rootsOf(trust());
    verifyX509Svid({ svid, rootsOf: () => roots, now: clock.now(), leewaySeconds: LEEWAY_SECONDS });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
    const { reason = error.message } = error;
    throw impostor(where, `its certificate is not good under the trust that this node has (${reason})`);
  }
};

const pems = new WeakMap<ClientIdentity, { readonly cert: string; readonly key: string }>();

const pemOf = (identity: ClientIdentity) => {
  const known = pems.get(identity);
  if (known) return known;
  const cert = identity.chain.map((der) => encodePem('CERTIFICATE', der)).join('');
  const made = { cert, key: identity.key.export({ type: 'pkcs8', format: 'pem' }).toString() };
  pems.set(identity, made);
  return made;
};

export interface OpenOptions {
  readonly delays: Delays;
  readonly identity?: ClientIdentity | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A TLS 1.3 connection to whoever answers at `url`: nobody is verified yet. No session is resumed. The library's own check is
 * off, since it knows names and not SPIFFE IDs, nor our clock (DEC-43). Refuses with `unavailable`.
 */
export const openUnverified = (url: URL, { delays, identity, signal }: OpenOptions): Promise<TLSSocket> => {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const socket = connect({
    host,
    port: Number(url.port === '' ? 443 : url.port),
    ...(isIP(host) === 0 && { servername: host }),
    ...(identity && pemOf(identity)),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    secureOptions: SSL_OP_NO_TICKET,
  });
  const stop = delays.after(HANDSHAKE_MS, () => socket.destroy(new Error('no answer in time')));
  const abort = (): void => void socket.destroy(new Error('called off'));
  const settle = (): void => {
    stop();
    signal?.removeEventListener('abort', abort);
    socket.off('error', failed);
  };
  const failed = (error: Error): void => {
    settle();
    reject(unreachable(url.host, error));
  };
  socket.once('error', failed);
  socket.once('secureConnect', () => {
    settle();
    resolve(socket);
  });
  if (signal?.aborted === true) abort();
  else signal?.addEventListener('abort', abort);
  return promise;
};

/**
 * As `openUnverified`, and before the connection is handed out its other end has proved to be
 * `spiffe://<trust domain>/mayfly/server` (DEC-18). Refuses with `unavailable` and says who is there instead.
 */
const openVerifiedAt = async (url: URL, connecting: Connecting, signal?: AbortSignal): Promise<TLSSocket> => {
  const { delays } = connecting;
  const socket = await openUnverified(url, { delays, identity: connecting.identity?.(), signal });
  try {
    verifyServer(url.host, socket, connecting);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
};

/** Several addresses of one trust domain's servers. The one that answered last is tried first. */
export class ServerAddresses {
  readonly #urls: readonly URL[];
  #preferred = 0;

  /** Throws a RangeError for none, or for what is not https. */
  constructor(urls: readonly URL[]) {
    if (urls.length === 0) throw new RangeError('no address of a server is given');
    const bad = urls.find(({ protocol }) => protocol !== 'https:');
    if (bad !== undefined) throw new RangeError(`the address of a server is an https URL, not ${bad.protocol}//…`);
    this.#urls = urls;
  }

  /** For `Host`. */
  get host(): string {
    return this.#urls[this.#preferred]?.host ?? '';
  }

  /** Tries each address once. Refuses with `unavailable`, and tells of every one. */
  async open(connecting: Connecting, signal?: AbortSignal): Promise<TLSSocket> {
    const refusals: Refusal[] = [];
    for (let tried = 0; tried < this.#urls.length; tried += 1) {
      const at = (this.#preferred + tried) % this.#urls.length;
      const url = this.#urls[at];
      if (url === undefined || signal?.aborted === true) break;
      try {
        const socket = await openVerifiedAt(url, connecting, signal);
        this.#preferred = at;
        return socket;
      } catch (error) {
        refusals.push(unreachable(url.host, error));
      }
    }
    throw new Refusal('unavailable', refusals.map(({ message }) => message).join('; ') || 'called off');
  }
}
