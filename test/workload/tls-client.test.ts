import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request, type RequestOptions } from 'node:https';
import type { Server } from 'node:net';
import { connect } from 'node:tls';
import { exactly, memberOf } from '../../src/workload/authorize.ts';
import { connectTls, tlsOptions, WorkloadAgent } from '../../src/workload/tls-client.ts';
import { createHttp2Server, createHttpsServer, createTlsServer } from '../../src/workload/tls-server.ts';
import { peerOf } from '../../src/workload/tls-peer.ts';
import { KeyUsageFlags } from '../support/peculiar-x509.ts';
import { greedyServer, laxDomain, listen, pemIdentity, policyOf, TestSource } from '../support/tls-peers.ts';
import { newDomain, newSvid, nowSeconds } from '../support/workload-identities.ts';

const SERVER_ID = 'spiffe://example.org/server';
const domain = await newDomain();
const other = await newDomain('other.example');
const client = await newSvid(domain, 'spiffe://example.org/client');
const server = await newSvid(domain, SERVER_ID);
const lax = await laxDomain();
const SIGNS = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign;

const servers: Server[] = [];
afterEach(() => {
  for (const each of servers.splice(0)) each.close();
});

const host = '127.0.0.1';
const newClient = (): TestSource => new TestSource(client, domain, { 'spiffe://lax.example': lax.bundle });
const startGreedy = async (...given: Parameters<typeof greedyServer>) => {
  const started = await greedyServer(...given);
  servers.push(started.server);
  return started;
};
const startGood = async (): Promise<number> => {
  const good = createTlsServer(policyOf(new TestSource(server, domain)), {}, (socket) => socket.pipe(socket));
  servers.push(good);
  return listen(good);
};

const get = (options: RequestOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      incoming.once('end', () => resolve(text));
    });
    outgoing.once('error', reject).end();
  });

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error as { code?: string }).code,
  );

describe('a TLS client', () => {
  test('talks to the server that it means, and knows who it is', async () => {
    const port = await startGood();
    const socket = await connectTls(policyOf(newClient(), exactly(SERVER_ID)), { host, port });
    expect(peerOf(socket)).toMatchObject({ spiffeId: SERVER_ID, trustDomain: 'example.org' });
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    const { port } = await startGreedy(pemIdentity(server), { minVersion: version, maxVersion: version });
    const socket = await connectTls(policyOf(newClient()), { host, port });
    expect(socket.getProtocol()).toBe(version);
    socket.destroy();
  });

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('does not send a byte over %s to', (maxVersion) => {
    const refuses = async (identity: { cert: string; key: string }, authorize = memberOf('example.org')) => {
      const { server: greedy, port, got } = await startGreedy(identity, { maxVersion });
      const socket = connect({ port, host, ...tlsOptions(policyOf(newClient(), authorize)) });
      socket.write('secret');
      const [error] = (await once(socket, 'error')) as [{ code?: string }];
      if (!socket.closed) await once(socket, 'close');
      // A connection that was cut off is gone on the other side too, with everything that was on its way.
      await new Promise<void>((resolve) => greedy.close(() => resolve()));
      expect(got).toEqual([]);
      return error.code;
    };

    test('one of another name', async () => {
      expect(await refuses(pemIdentity(server), exactly('spiffe://example.org/other'))).toBe('peer_not_authorized');
    });

    // X509-50
    test('one of an unknown trust domain', async () => {
      const stranger = await newSvid(other, 'spiffe://other.example/server');
      expect(await refuses(pemIdentity(stranger))).not.toBe('accepted');
    });

    test('one whom a namesake of our trust domain vouches for', async () => {
      expect(await refuses(pemIdentity(await newSvid(await newDomain(), SERVER_ID)))).not.toBe('accepted');
    });

    // X509-57: lax.example is trusted, and for itself only.
    test('one of our trust domain that another trusted one vouches for', async () => {
      expect(await refuses(await lax.identity({}))).toBe('peer_not_trusted');
    });

    test('one that has expired', async () => {
      const old = { notBefore: nowSeconds() - 600, notAfter: nowSeconds() - 1 };
      expect(await refuses(pemIdentity(await newSvid(domain, SERVER_ID, old)))).toBe('CERT_HAS_EXPIRED');
    });

    // X509-51 … X509-56, X509-17
    test.each([
      ['a CA', { ca: true, usage: SIGNS, uris: ['spiffe://lax.example/a'] }],
      ['a leaf that may sign', { usage: SIGNS, uris: ['spiffe://lax.example/a'] }],
      ['one with two URIs', { uris: ['spiffe://lax.example/a', 'spiffe://lax.example/b'] }],
      ['one with an URI of another kind too', { uris: ['spiffe://lax.example/a', 'https://lax.example'] }],
      ['one without any URI', { uris: [] }],
      ['one with an ID without path', { uris: ['spiffe://lax.example'] }],
      ['one with another scheme', { uris: ['https://lax.example/a'] }],
      ['one with an upper-case trust domain', { uris: ['spiffe://LAX.example/a'] }],
      ['one with a trailing slash', { uris: ['spiffe://lax.example/a/'] }],
      ['one without key usage', { uris: ['spiffe://lax.example/a'], usage: 'none' as const }],
      ['one for servers only', { uris: ['spiffe://lax.example/a'], purposes: ['1.3.6.1.5.5.7.3.1'] }],
    ])('%s', async (_name, plan) => {
      expect(await refuses(await lax.identity(plan), () => true)).toBe('peer_not_trusted');
    });
  });

  test('an authorizer that throws, or that promises, says no', async () => {
    const { port } = await startGreedy(pemIdentity(server));
    const thrower = policyOf(newClient(), () => {
      throw new RangeError('a bug');
    });
    await expect(connectTls(thrower, { host, port })).rejects.toThrow('a bug');
    const promiser = policyOf(newClient(), (() => Promise.resolve(true)) as unknown as () => boolean);
    expect(await codeOf(connectTls(promiser, { host, port }))).toBe('peer_not_authorized');
  });

  test('without an identity there is no connection', async () => {
    const source = newClient();
    source.withdraw();
    expect(() => tlsOptions(policyOf(source))).toThrow('none');
    expect(await codeOf(connectTls(policyOf(source), { host, port: 1 }))).toBe('no_identity');
    const agent = new WorkloadAgent(policyOf(source));
    expect(await codeOf(get({ host, port: 1, agent }))).toBe('no_identity');
  });

  test('the signal gives up connecting, and closes later', async () => {
    const reason = new Error('enough');
    const policy = policyOf(newClient());
    await expect(connectTls(policy, { host, port: 1, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const socket = await connectTls(policy, { host, port: await startGood(), signal: controller.signal });
    const failed = once(socket, 'error');
    controller.abort(reason);
    expect(await failed).toEqual([reason]);
  });

  test('a new connection shows the new certificate', async () => {
    const seen: (string | undefined)[] = [];
    const good = createTlsServer(policyOf(new TestSource(server, domain)), {}, (socket) => {
      seen.push(peerOf(socket)?.serial);
      socket.end();
    });
    servers.push(good);
    const port = await listen(good);
    const source = newClient();
    for (const _ of [1, 2]) {
      const socket = await connectTls(policyOf(source), { host, port });
      socket.resume();
      await once(socket, 'close');
      source.rotate(await newSvid(domain, 'spiffe://example.org/client'), domain);
    }
    expect(new Set(seen).size).toBe(2);
  });
});

describe('a client of https', () => {
  test('checks each connection anew, and resumes none', async () => {
    let checks = 0;
    const authorize = (): boolean => {
      checks += 1;
      return true;
    };
    const { port, resumed } = await startGreedy(pemIdentity(server));
    const agent = new Agent();
    for (const _ of [1, 2, 3]) {
      expect(await get({ host, port, agent, ...tlsOptions(policyOf(newClient(), authorize)) })).toBe('ok');
    }
    expect(resumed).toEqual([false, false, false]);
    expect(checks).toBe(3);
  });

  test('takes no connection of another rule out of an agent', async () => {
    const good = createHttpsServer(policyOf(new TestSource(server, domain)), {}, (_incoming, outgoing) => {
      outgoing.end('ok');
    });
    servers.push(good);
    const port = await listen(good);
    const agent = new Agent({ keepAlive: true });
    const source = newClient();
    const ask = (authorize: () => boolean): Promise<string> =>
      get({ host, port, agent, ...tlsOptions(policyOf(source, authorize)) });
    expect(await ask(exactly(SERVER_ID) as () => boolean)).toBe('ok');
    expect(await codeOf(ask(exactly('spiffe://example.org/other') as () => boolean))).toBe('peer_not_authorized');
    agent.destroy();
  });

  test('the agent of this library keeps connections until the next rotation', async () => {
    const ports: (number | undefined)[] = [];
    const good = createHttpsServer(policyOf(new TestSource(server, domain)), {}, (incoming, outgoing) => {
      ports.push(incoming.socket.remotePort);
      outgoing.end('ok');
    });
    servers.push(good);
    const port = await listen(good);
    const source = newClient();
    const agent = new WorkloadAgent(policyOf(source), { keepAlive: true });
    const closed: Promise<unknown>[] = [];
    good.on('secureConnection', (socket) => closed.push(once(socket, 'close')));
    for (const _ of [1, 2]) expect(await get({ host, port, agent })).toBe('ok');
    expect(new Set(ports).size).toBe(1);
    source.rotate(client, domain);
    expect(await get({ host, port, agent })).toBe('ok');
    expect(new Set(ports).size).toBe(2);
    await closed[0];
    source.withdraw();
    expect(await codeOf(get({ host, port, agent }))).toBe('no_identity');
    agent.destroy();
  });

  test('the agent of this library: a connection that is in use while identities rotate is not taken again', async () => {
    const ports: (number | undefined)[] = [];
    const answers: (() => void)[] = [];
    const good = createHttpsServer(policyOf(new TestSource(server, domain)), {}, (incoming, outgoing) => {
      ports.push(incoming.socket.remotePort);
      answers.push(() => outgoing.end('ok'));
      good.emit('asked');
    });
    servers.push(good);
    const port = await listen(good);
    const source = newClient();
    const agent = new WorkloadAgent(policyOf(source), { keepAlive: true });
    const ask = async (meanwhile: () => void): Promise<string> => {
      const asked = once(good, 'asked');
      const answer = get({ host, port, agent });
      await asked;
      meanwhile();
      answers.at(-1)?.();
      return answer;
    };
    expect(await ask(() => source.rotate(client, domain))).toBe('ok');
    expect(await ask(() => undefined)).toBe('ok');
    expect(new Set(ports).size).toBe(2);
    expect(await ask(() => source.withdraw())).toBe('ok');
    source.rotate(client, domain);
    expect(await ask(() => undefined)).toBe('ok');
    expect(new Set(ports).size).toBe(3);
    agent.destroy();
  });

  test('the agent of this library: who answered is known, and options of a request weaken nothing', async () => {
    const { port, got } = await startGreedy(await lax.identity({}));
    const agent = new WorkloadAgent(policyOf(newClient()));
    const weak = { rejectUnauthorized: false, checkServerIdentity: () => undefined };
    expect(await codeOf(get({ host, port, agent, ...weak }))).toBe('peer_not_trusted');
    expect(got).toEqual([]);

    const outgoing = request({ host, port: (await startGreedy(pemIdentity(server))).port, agent });
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [{ socket: object; resume(): void }];
    expect(peerOf(incoming.socket)?.spiffeId).toBe(SERVER_ID);
    incoming.resume();
  });
});

test('a client of http2 asks the server that it means', async () => {
  const good = createHttp2Server(policyOf(new TestSource(server, domain), exactly('spiffe://example.org/client')));
  good.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.end(peerOf(stream.session?.socket)?.spiffeId);
  });
  servers.push(good);
  const port = await listen(good);
  const session = connectHttp2(`https://${host}:${port}`, tlsOptions(policyOf(newClient(), exactly(SERVER_ID))));
  const stream = session.request({ ':path': '/' });
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  expect(text).toBe('spiffe://example.org/client');
  session.close();

  const wrong = connectHttp2(`https://${host}:${port}`, tlsOptions(policyOf(newClient(), exactly('spiffe://a.b/c'))));
  const [error] = (await once(wrong, 'error')) as [{ code: string }];
  expect(error.code).toBe('peer_not_authorized');
});
