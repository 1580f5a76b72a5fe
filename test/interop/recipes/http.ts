import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import type { IncomingMessage } from 'node:http';
import { tlsOptions, type TlsPolicy } from '../../../src/workload/index.ts';
import { serialOf, type Held, type Trial } from './through-rotations.ts';

/** An application behind a proxy: it answers, or answers for as long as it is listened to. */
export const startBackend = async (path: string): Promise<() => void> => {
  const server = createServer((incoming, outgoing) => {
    if (incoming.url !== '/ticks') {
      outgoing.end('hello');
      return;
    }
    const timer = setInterval(() => outgoing.write('tick\n'), 50);
    outgoing.on('close', () => clearInterval(timer));
  });
  server.listen(path);
  await once(server, 'listening');
  // Proxies may run as users of their own.
  chmodSync(path, 0o666);
  return () => {
    server.closeAllConnections();
    server.close();
  };
};

const ask = async (policy: TlsPolicy, socketPath: string, path: string): Promise<IncomingMessage> => {
  const outgoing = request({ socketPath, path, agent: false, host: 'localhost', ...tlsOptions(policy) });
  outgoing.setTimeout(10_000, () => outgoing.destroy(new Error('no answer')));
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (incoming.statusCode !== 200) throw new Error(`it answers ${incoming.statusCode}`);
  return incoming;
};

export const httpTrial = (name: string, policy: TlsPolicy, socketPath: string): Trial => ({
  name,
  async once() {
    const incoming = await ask(policy, socketPath, '/hello');
    const serial = serialOf(incoming.socket as TLSSocket);
    incoming.resume();
    await once(incoming, 'end');
    return serial;
  },
  async hold(): Promise<Held> {
    const incoming = await ask(policy, socketPath, '/ticks');
    return {
      async use() {
        if (incoming.readableEnded || incoming.destroyed) throw new Error('the answer broke off');
        await once(incoming, 'data', { signal: AbortSignal.timeout(10_000) });
      },
      end: () => void incoming.on('error', () => undefined).destroy(),
    };
  },
});
