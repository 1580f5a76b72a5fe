import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import {
  type Authorizer,
  connectTls,
  createTlsServer,
  exactly,
  peerOf,
  X509Source,
} from '../../../../src/workload/index.ts';
import { attempt, emit, serialText, untilClosed } from './events.ts';

// Mutual TLS in both roles.

const PATIENCE_MS = 10_000;

const authorizer = (who: string): Authorizer => (who === 'any' ? () => true : exactly(who));

const readLine = async (socket: TLSSocket): Promise<string> => {
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the peer says nothing')));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    if (text.includes('\n')) resolve(text.trim());
  });
  socket.once('error', reject).once('close', () => reject(new Error('the peer closed the connection')));
  return promise;
};

const answer = async (socket: TLSSocket): Promise<void> => {
  const text = await readLine(socket);
  emit('accepted', { peer: peerOf(socket)?.spiffeId, text });
  socket.end('hello from node\n');
};

/** Answers every peer that it authorizes with a line, until standard input is closed. */
export const serve = async (who: string): Promise<void> => {
  const source = await attempt('source', () => X509Source.create());
  if (source === undefined) return;
  const server = createTlsServer({ source, authorize: authorizer(who) }, {}, (socket) => {
    void answer(socket).catch((error: unknown) => emit('refused', { message: (error as Error).message }));
  });
  server.on('tlsClientError', (error) => emit('refused', { message: error.message }));
  server.listen(0, '127.0.0.1', () => emit('listening', { port: (server.address() as AddressInfo).port }));
  await untilClosed();
};

const greet = async (source: X509Source, target: string, authorize: Authorizer, port: number): Promise<void> => {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const socket = await connectTls({ source, authorize }, { host: '127.0.0.1', port, signal });
  try {
    socket.write('hello from node\n');
    const text = await readLine(socket);
    const peer = peerOf(socket);
    const protocol = socket.getProtocol()?.replace('TLSv', 'TLS ');
    emit('connected', { target, peer: peer?.spiffeId, text, protocol, serial: serialText(peer?.serial ?? '') });
  } finally {
    socket.on('error', () => {}).destroy();
  }
};

/** Connects to each target once, or again and again until standard input is closed. */
export const dial = async (args: readonly string[]): Promise<void> => {
  const source = await attempt('source', () => X509Source.create());
  if (source === undefined) return;
  const every = args[0] === '--every' ? Number(args[1]) : undefined;
  const targets = (every === undefined ? args : args.slice(2)).map((target) => {
    const [who = '', port = ''] = target.split('@');
    return { target, authorize: authorizer(who), port: Number(port) };
  });
  const dialAll = async (): Promise<void> => {
    for (const { target, authorize, port } of targets) {
      await greet(source, target, authorize, port).catch((error: unknown) =>
        emit('refused', { target, message: (error as Error).message }),
      );
    }
  };
  if (every === undefined) {
    await dialAll();
    emit('done');
    return;
  }
  void untilClosed().then(() => process.exit(0));
  for (;;) {
    await dialAll();
    await sleep(every);
  }
};
