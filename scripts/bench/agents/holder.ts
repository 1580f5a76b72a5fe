// Holds the streams of many agents, as lightly as it can: it looks for cursors in what comes, and acknowledges them.
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import type { Holder } from '../prepare.ts';
import type { FromHolder, ToHolder } from './holder-messages.ts';

const [, , file = '', api = ''] = process.argv;
const agents = JSON.parse(readFileSync(file, 'utf8')) as readonly Holder[];
const { hostname, port } = new URL(api);

/** Handshakes under way at once. */
const AT_ONCE = 32;
const CURSOR = /\{"type":"cursor","cursor":(\{"epoch":\d+,"index":(\d+)\})\}\n/g;
/** Enough of what came last to hold a cursor that was cut in two. */
const KEPT = 128;

const say = (message: FromHolder): void => void process.send?.(message);

/** The newest place of each stream. */
const places: number[] = [];
let reached = -1;

const tellProgress = (): void => {
  const least = places.reduce((lowest, index) => Math.min(lowest, index), Infinity);
  if (least <= reached || least === Infinity) return;
  reached = least;
  say({ kind: 'reached', index: least, at: Date.now() });
};

const follow = (socket: TLSSocket, at: number, first: string): void => {
  let rest = '';
  const read = (text: string): void => {
    const whole = rest + text;
    let newest: string | undefined;
    let index = -1;
    for (const match of whole.matchAll(CURSOR)) {
      newest = match[1];
      index = Number(match[2]);
    }
    rest = whole.slice(whole.lastIndexOf('\n') + 1).slice(-KEPT);
    if (newest === undefined) return;
    socket.write(`{"type":"ack","cursor":${newest}}\n`);
    const isMove = index > (places[at] ?? -1);
    places[at] = index;
    if (isMove) tellProgress();
  };
  socket.on('data', (chunk: Buffer) => read(chunk.toString('latin1')));
  read(first);
};

const open = ({ chain, key }: Holder, at: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, cert: chain, key });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.write(`GET /v1/sync HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: mayfly-sync\r\n\r\n`);
    });
    let got = '';
    const head = (chunk: Buffer): void => {
      got += chunk.toString('latin1');
      const end = got.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', head);
      if (!got.startsWith('HTTP/1.1 101')) {
        reject(new Error(got.slice(0, 200)));
        return;
      }
      socket.on('close', () => say({ kind: 'lost', reason: 'a stream was closed' }));
      places[at] = -1;
      follow(socket, at, got.slice(end + 4));
      resolve();
    };
    socket.on('data', head);
  });

let opened = 0;

const openMore = async (count: number): Promise<void> => {
  const last = Math.min(agents.length, opened + count);
  const worker = async (): Promise<void> => {
    while (opened < last) {
      const at = opened++;
      const agent = agents[at];
      if (agent) await open(agent, at);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  say({ kind: 'opened', count: opened });
};

process.on('message', (message: ToHolder) => {
  openMore(message.count).catch((error: unknown) =>
    say({ kind: 'lost', reason: Error.isError(error) ? error.message : 'a stream did not open' }),
  );
});
process.on('disconnect', () => process.exit(0));
