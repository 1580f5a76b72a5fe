import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { connectTls, type TlsPolicy } from '../../../src/workload/index.ts';
import { start } from '../servers/foreign-server.ts';
import { serialOf, throughRotations } from './through-rotations.ts';
import type { World } from './world.ts';

const config = (folder: string, svid: string): string => `
listen: "127.0.0.1:-1"
tls {
  cert_file: "${svid}/svid.pem"
  key_file: "${svid}/svid_key.pem"
  ca_file: "${svid}/bundle.pem"
  verify_and_map: true
  timeout: 10
}
authorization { users = [ { user: "spiffe://example.org/recipe" } ] }
pid_file: "${folder}/nats.pid"
`;

const answered = async (socket: TLSSocket, line: string): Promise<void> => {
  const answer = once(socket, 'data', { signal: AbortSignal.timeout(10_000) });
  socket.write(`${line}\r\n`);
  const [said] = (await answer) as [Buffer];
  if (!/^(?:\+OK|PONG|PING)/.test(said.toString())) throw new Error(`NATS says ${said.toString()}`);
};

/** NATS says hello in the clear, then both turn to TLS. */
const connect = async (policy: TlsPolicy, port: number): Promise<TLSSocket> => {
  const socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'data');
  const secured = await connectTls(policy, { socket });
  await answered(secured, `CONNECT ${JSON.stringify({ verbose: true, tls_required: true, lang: 'mayfly' })}`);
  return secured;
};

export const nats = async ({ folder, policy, fetch }: World): Promise<void> => {
  const svid = join(folder, 'nats');
  const pid = join(folder, 'nats.pid');
  await fetch(svid, '--signal', 'HUP', '--pid-file', pid);
  writeFileSync(join(folder, 'nats.conf'), config(folder, svid));
  const server = await start({
    command: ['nats-server', '-c', join(folder, 'nats.conf')],
    cwd: folder,
    ready: /Listening for client connections on 127\.0\.0\.1:(\d+)[\s\S]*Server is ready/,
  });
  const port = Number(server.ready[1]);
  try {
    await throughRotations({
      name: 'NATS',
      async once() {
        const socket = await connect(policy, port);
        await answered(socket, 'PING');
        const serial = serialOf(socket);
        socket.destroy();
        return serial;
      },
      async hold() {
        const socket = await connect(policy, port);
        return { use: () => answered(socket, 'PING'), end: () => void socket.destroy() };
      },
    });
  } finally {
    await server.stop();
  }
};
