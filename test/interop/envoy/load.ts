import { X509Certificate } from 'node:crypto';
import { request } from 'node:http';

/** What came back of one request. */
export interface Outcome {
  readonly status: number;
  /** `X-Forwarded-Client-Cert` as the application behind saw it. */
  readonly text: string;
  /** SHA-256 of the certificates that the two sides showed each other, in hex; empty where there was none. */
  readonly clientLeaf: string;
  readonly serverLeaf: string;
}

/** Slow is no failure: the machine may have other things to do. */
const TIMEOUT_MS = 30_000;

/** By URL-encoded PEM; the same few come thousands of times. */
const fingerprints = new Map<string, string>([
  ['', ''],
  ['-', ''],
]);

const fingerprint = (urlEncodedPem: string): string => {
  const known = fingerprints.get(urlEncodedPem);
  if (known !== undefined) return known;
  const { fingerprint256 } = new X509Certificate(decodeURIComponent(urlEncodedPem));
  const digits = fingerprint256.replaceAll(':', '').toLowerCase();
  fingerprints.set(urlEncodedPem, digits);
  return digits;
};

/** One plain request into a socket, over a connection of its own. Rejects when there is no whole answer. */
export const ask = (socketPath: string, path = '/'): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, agent: false, headers: { host: 'service' } }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      incoming.once('error', reject);
      incoming.once('end', () => {
        const certificate = String(incoming.headers['x-server-certificate'] ?? '');
        resolve({
          status: incoming.statusCode ?? 0,
          text,
          clientLeaf: /Hash=(?<hash>[0-9a-f]{64})/.exec(text)?.groups?.['hash'] ?? '',
          serverLeaf: fingerprint(certificate),
        });
      });
    });
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error('no answer')));
    outgoing.once('error', reject).end();
  });

/** What one stream of requests saw. */
export interface Seen {
  sent: number;
  answered: number;
  /** How often each kind of failure was seen. */
  readonly failures: Map<string, number>;
  /** Certificates in the order of their first sight. */
  readonly clientLeaves: Set<string>;
  readonly serverLeaves: Set<string>;
  /** How often each two of them were seen together. */
  readonly pairs: Map<string, number>;
}

export const pairOf = (clientLeaf: string, serverLeaf: string): string => `${clientLeaf} ${serverLeaf}`;

const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

const nothingSeen = (): Seen => ({
  sent: 0,
  answered: 0,
  failures: new Map(),
  clientLeaves: new Set(),
  serverLeaves: new Set(),
  pairs: new Map(),
});

export interface Load {
  readonly seen: ReadonlyMap<string, Seen>;
  /** Sends no more, and waits for what is under way. */
  stop(): Promise<void>;
}

const TICK_MS = 5;

/**
 * Asks every socket `perSecond` times a second, whether or not earlier requests were answered: a server that stalls is asked
 * on. Everything sent is counted as answered well (200) or as failed.
 */
export const startLoad = (sockets: ReadonlyMap<string, string>, perSecond: number): Load => {
  const seen = new Map([...sockets.keys()].map((name) => [name, nothingSeen()]));
  const underWay = new Set<Promise<void>>();

  const once = async (socket: string, counts: Seen): Promise<void> => {
    counts.sent += 1;
    try {
      const { status, text, clientLeaf, serverLeaf } = await ask(socket);
      if (status !== 200 || clientLeaf === '' || serverLeaf === '') {
        count(counts.failures, `${status} ${text.slice(0, 200)}`);
        return;
      }
      counts.answered += 1;
      counts.clientLeaves.add(clientLeaf);
      counts.serverLeaves.add(serverLeaf);
      count(counts.pairs, pairOf(clientLeaf, serverLeaf));
    } catch (error) {
      count(counts.failures, (error as Error).message);
    }
  };

  const started = performance.now();
  let rounds = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
    for (; rounds < due; rounds++) {
      for (const [name, socket] of sockets) {
        const counts = seen.get(name);
        if (counts === undefined) continue;
        const done: Promise<void> = once(socket, counts).finally(() => underWay.delete(done));
        underWay.add(done);
      }
    }
  }, TICK_MS);

  return {
    seen,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
};
