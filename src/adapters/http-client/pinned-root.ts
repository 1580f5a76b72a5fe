import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Refusal } from '../../domain/refusal.ts';
import type { TrustDomain } from '../../domain/trust-domain.ts';
import { type Bundle, readBundle } from '../../formats/bundle-reader.ts';
import type { Delays } from '../../ports/timers.ts';
import type { TrustAnchor } from '../../ports/trust-anchor.ts';
import { openUnverified, unreachable } from './verified-connection.ts';

/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { request: httpRequest } = process.getBuiltinModule('node:http');

export interface RootPin {
  /** Tried in turn. */
  readonly urls: readonly URL[];
  readonly trustDomain: TrustDomain;
  /** SHA-256 of the root's DER in hexadecimal, with or without colons, in either case. */
  readonly fingerprint: string;
  readonly delays: Delays;
}

const MAX_BUNDLE_BYTES = 1024 * 1024;
const ANSWER_MS = 10_000;

const HOW = 'take the SHA-256 of the active root from the server’s own machine: mayfly bundle show --sha256';

/** The fingerprint as 64 lower-case digits. Refuses with `invalid_request` what is none. */
export const parseFingerprint = (text: string): string => {
  const plain = text.trim().replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(plain)) return plain;
  throw new Refusal('invalid_request', `the fingerprint of the root is 64 hexadecimal digits: ${HOW}`);
};

const readText = async (answer: IncomingMessage): Promise<Buffer> => {
  if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}`);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BUNDLE_BYTES) throw new Error('its bundle is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const get = async (socket: TLSSocket, host: string, path: string, delays: Delays): Promise<Buffer> => {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest({ path, headers: { host }, createConnection: () => socket });
  const stop = delays.after(ANSWER_MS, () => request.destroy(new Error('no answer in time')));
  request.on('error', reject);
  request.once('response', resolve);
  request.end();
  try {
    return await readText(await promise);
  } finally {
    stop();
  }
};

const unverifiedBundle = async (url: URL, { trustDomain, delays }: RootPin): Promise<Bundle> => {
  const socket = await openUnverified(url, { delays });
  try {
    return readBundle(await get(socket, url.host, '/bundle', delays), trustDomain);
  } catch (error) {
    if (error instanceof Refusal) {
      throw new Refusal('unavailable', `${url.host} does not answer with a SPIFFE bundle: ${error.message}`);
    }
    throw unreachable(url.host, error);
  } finally {
    socket.destroy();
  }
};

const chooseRoot = (url: URL, { x509Authorities }: Bundle, wanted: string): Uint8Array => {
  const found = x509Authorities.map((der) => ({ der, sha256: hash('sha256', der, 'hex') }));
  const chosen = found.find(({ sha256 }) => sha256 === wanted);
  if (chosen !== undefined) return chosen.der;
  const offered = found.map(({ sha256 }) => sha256).join(', ');
  throw new Refusal(
    'unavailable',
    `${url.host} offers no root with the fingerprint ${wanted}, but ${offered === '' ? 'none at all' : offered}. ` +
      `Nothing that it offers is believed; ${HOW}`,
  );
};

/**
 * The root that an operator pinned, in DER, from whoever answers (DEC-18). Nothing else of what was answered counts, and the
 * connection is dropped: what comes next is verified under this root alone. Refuses with `unavailable` when no address offers
 * it, and says what was offered instead; with `invalid_request` what is no fingerprint.
 */
export const fetchPinnedRoot = async (pin: RootPin): Promise<Uint8Array> => {
  const wanted = parseFingerprint(pin.fingerprint);
  const problems: string[] = [];
  for (const url of pin.urls) {
    try {
      return chooseRoot(url, await unverifiedBundle(url, pin), wanted);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push(error.message);
    }
  }
  throw new Refusal('unavailable', problems.join('; '));
};

/** Trust in the root that an operator pinned. Refuses with `invalid_request` what is no fingerprint. */
export const pinnedAnchor = (pin: RootPin): TrustAnchor => {
  const fingerprint = parseFingerprint(pin.fingerprint);
  return {
    id: hash('sha256', `root ${fingerprint}`, 'hex'),
    load: async () => [await fetchPinnedRoot({ ...pin, fingerprint })],
  };
};
