import { equal, match } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { start } from '../servers/foreign-server.ts';
import { check, finish } from '../servers/report.ts';
import { type Credential, withWorld, type World } from '../servers/world.ts';

// NATS maps SVIDs to users (verify_and_map): by the SPIFFE ID in the URI name, or by the whole subject.

const config = ({ folder, bundle, credentials: { server, nameless } }: World): string => `
listen: "127.0.0.1:-1"
tls {
  cert_file: "${server.cert}"
  key_file: "${server.key}"
  ca_file: "${bundle}"
  verify_and_map: true
  timeout: 10
}
authorization {
  users = [
    { user: "CN=alice,O=example.org" }
    { user: "${nameless.spiffeId}", permissions: { publish: "reports.>", subscribe: "reports.>" } }
  ]
}
pid_file: "${folder}/nats.pid"
`;

/** The server may have gone before its alert was read. */
const REFUSED_IN_TLS = /alert (?:bad certificate|certificate required|unknown ca)|ECONNRESET|EPIPE/;
const TIMEOUT_MS = 10_000;

/** Lines of the protocol as they come, each given out once. */
const linesOf = (socket: TLSSocket): AsyncIterator<string> =>
  (async function* lines() {
    let rest = '';
    for await (const chunk of socket.setEncoding('utf8') as AsyncIterable<string>) {
      rest += chunk;
      const whole = rest.split('\r\n');
      rest = whole.pop() ?? '';
      yield* whole;
    }
  })();

/** NATS says hello in the clear, then both turn to TLS. */
const secured = (port: number, bundle: string, client: Credential | undefined): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('NATS says nothing')));
    socket.once('error', reject);
    socket.once('data', () => {
      const tls = connectTls({
        socket,
        servername: 'localhost',
        ca: bundle,
        ...(client && { cert: client.certPem, key: client.keyPem }),
      });
      tls.once('error', reject).once('secureConnect', () => resolve(tls));
    });
  });

/** Connects, says these lines, and gives the answer to each. */
const converse = async (
  port: number,
  { bundlePem }: World,
  client: Credential | undefined,
  ...said: readonly string[]
): Promise<readonly string[]> => {
  const socket = await secured(port, bundlePem, client);
  // A server that refuses a client certificate in TLS 1.3 says so after the handshake.
  const refused = new Promise<never>((_, reject) => socket.once('error', reject));
  refused.catch(() => undefined);
  try {
    const lines = linesOf(socket);
    const heard: string[] = [];
    const options = { verbose: true, pedantic: true, tls_required: true, lang: 'mayfly', version: '1' };
    for (const line of [`CONNECT ${JSON.stringify(options)}`, ...said]) {
      socket.write(`${line}\r\n`);
      const next = await Promise.race([lines.next(), refused]);
      if (next.done === true) return [...heard, 'closed'];
      heard.push(next.value);
    }
    return heard;
  } finally {
    socket.destroy();
  }
};

const refusal = async (answer: Promise<readonly string[]>): Promise<string> => {
  try {
    return (await answer).join(' ');
  } catch (error) {
    return (error as Error).message;
  }
};

await withWorld(async (world) => {
  const { folder, credentials } = world;
  const file = join(folder, 'nats.conf');
  writeFileSync(file, config(world));
  const nats = await start({
    command: ['nats-server', '-c', file],
    cwd: folder,
    ready: /Listening for client connections on 127\.0\.0\.1:(\d+)[\s\S]*Server is ready/,
  });
  const port = Number(nats.ready[1]);
  const say = (client: Credential | undefined, ...lines: readonly string[]): Promise<readonly string[]> =>
    converse(port, world, client, ...lines);
  const { alice, bob, nameless, stranger } = credentials;
  const publish = (subject: string): string => `PUB ${subject} 2\r\nhi`;

  try {
    await check('the subject is the user, which may do all', async () =>
      equal((await say(alice, publish('orders.new'))).join(' '), '+OK +OK'),
    );
    await check('the SPIFFE ID is the user, which may do what it was allowed', async () =>
      equal((await say(nameless, publish('reports.new'), 'SUB reports.> 1')).join(' '), '+OK +OK +OK'),
    );
    await check('and no more', async () =>
      match((await say(nameless, publish('orders.new'))).join(' '), /^\+OK .*Permissions Violation for Publish/),
    );
    await check('an identity that is no user is refused', async () =>
      match(await refusal(say(bob)), /Authorization Violation/),
    );
    await check('no certificate is refused', async () => match(await refusal(say(undefined)), REFUSED_IN_TLS));
    await check('the same name under another root is refused', async () =>
      match(await refusal(say(stranger)), REFUSED_IN_TLS),
    );
  } finally {
    await nats.stop();
  }
});

finish();
