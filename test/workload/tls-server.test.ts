import { once } from 'node:events';
import { connect as connectHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { exactly, memberOf, type Authorizer } from '../../src/workload/authorize.ts';
import {
  createHttp2Server,
  createHttpsServer,
  createTlsServer,
  guardServer,
  serverTlsOptions,
} from '../../src/workload/tls-server.ts';
import { peerOf } from '../../src/workload/tls-peer.ts';
import { KeyUsageFlags } from '../support/peculiar-x509.ts';
import { carelessClient, laxDomain, listen, pemIdentity, policyOf, TestSource } from '../support/tls-peers.ts';
import { until } from '../support/workload-api.ts';
import { newDomain, newSvid, nowSeconds } from '../support/workload-identities.ts';

const CLIENT_ID = 'spiffe://example.org/client';
const domain = await newDomain();
const other = await newDomain('other.example');
const server = await newSvid(domain, 'spiffe://example.org/server');
const client = await newSvid(domain, CLIENT_ID);
const lax = await laxDomain();
const SIGNS = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign;

const host = '127.0.0.1';
const servers: Server[] = [];
afterEach(() => {
  for (const each of servers.splice(0)) each.close();
});
const started = async (each: Server): Promise<number> => {
  servers.push(each);
  return listen(each);
};
const newServer = (): TestSource => new TestSource(server, domain, { 'spiffe://lax.example': lax.bundle });

/** A server of https that keeps what it was asked, and why it refused whom. */
const startHttps = async (authorize: Authorizer = () => true, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') => {
  const asked: string[] = [];
  const refused: unknown[] = [];
  const source = newServer();
  const https = createHttpsServer(policyOf(source, authorize), { maxVersion }, (incoming, outgoing) => {
    asked.push(incoming.url ?? '');
    outgoing.end(peerOf(incoming.socket)?.spiffeId);
  });
  https.on('tlsClientError', (error: { code?: string }) => refused.push(error.code));
  return { asked, refused, source, https, port: await started(https) };
};

describe('a guarded server of https', () => {
  test('serves who may ask, and knows who it is', async () => {
    const { port } = await startHttps(exactly(CLIENT_ID));
    expect(await carelessClient(port, pemIdentity(client))).toContain(`\r\n\r\n${CLIENT_ID}`);
  });

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s reads nothing of', (version) => {
    const refuses = async (identity: object, authorize?: Authorizer): Promise<unknown> => {
      const { port, asked, refused } = await startHttps(authorize, version);
      expect(await carelessClient(port, identity)).toBe('');
      await until(() => refused.length > 0);
      expect(asked).toEqual([]);
      return refused[0];
    };

    test('a client without a certificate', async () => {
      expect(await refuses({})).toBe('peer_not_trusted');
    });

    test('one who may not', async () => {
      expect(await refuses(pemIdentity(client), exactly('spiffe://example.org/other'))).toBe('peer_not_authorized');
    });

    test('one of an unknown trust domain', async () => {
      const stranger = await newSvid(other, 'spiffe://other.example/client');
      expect(await refuses(pemIdentity(stranger))).toBe('peer_not_trusted');
    });

    test('one whom a namesake of our trust domain vouches for', async () => {
      expect(await refuses(pemIdentity(await newSvid(await newDomain(), CLIENT_ID)))).toBe('peer_not_trusted');
    });

    // X509-57
    test('one of our trust domain that another trusted one vouches for', async () => {
      expect(await refuses(await lax.identity({}))).toBe('peer_not_trusted');
    });

    test('one without its issuer', async () => {
      const [leaf = Buffer.alloc(0)] = client.chain;
      expect(await refuses(pemIdentity({ ...client, chain: [leaf] }))).toBe('peer_not_trusted');
    });

    test.each([
      ['one that has expired', { notBefore: nowSeconds() - 600, notAfter: nowSeconds() - 2 }],
      ['one that is not valid yet', { notBefore: nowSeconds() + 60, notAfter: nowSeconds() + 600 }],
    ])('%s', async (_name, life) => {
      expect(await refuses(pemIdentity(await newSvid(domain, CLIENT_ID, life)))).toBe('peer_not_trusted');
    });

    test.each([
      ['a CA', { ca: true, usage: SIGNS, uris: ['spiffe://lax.example/a'] }],
      ['a leaf that may sign', { usage: SIGNS, uris: ['spiffe://lax.example/a'] }],
      ['one with two URIs', { uris: ['spiffe://lax.example/a', 'spiffe://lax.example/b'] }],
      ['one without any URI', { uris: [] }],
      ['one with an ID without path', { uris: ['spiffe://lax.example'] }],
      ['one for clients only', { uris: ['spiffe://lax.example/a'], purposes: ['1.3.6.1.5.5.7.3.2'] }],
    ])('%s', async (_name, plan) => {
      expect(await refuses(await lax.identity(plan))).toBe('peer_not_trusted');
    });

    test('anyone when the authorizer throws', async () => {
      const refused = await refuses(pemIdentity(client), () => {
        throw Object.assign(new Error('a bug'), { code: 'bug' });
      });
      expect(refused).toBe('bug');
    });
  });

  test('resumes no session', async () => {
    const { port } = await startHttps();
    const sessions: Buffer[] = [];
    const open = async (session?: Buffer): Promise<boolean> => {
      const socket = connect({ port, host, rejectUnauthorized: false, ...pemIdentity(client), session });
      socket.on('session', (one: Buffer) => sessions.push(one));
      await once(socket, 'secureConnect');
      const reused = socket.isSessionReused();
      socket.end('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n').resume();
      await once(socket, 'close');
      const own = socket.getSession();
      if (own) sessions.push(own);
      return reused;
    };
    expect(await open()).toBe(false);
    for (const session of sessions.slice(0, 3)) expect(await open(session)).toBe(false);
  });

  test('shows new certificates to new clients while it listens, and serves those that are there', async () => {
    const { port, source } = await startHttps();
    const open = async (): Promise<TLSSocket> => {
      const socket = connect({ port, host, rejectUnauthorized: false, ...pemIdentity(client) });
      await once(socket, 'secureConnect');
      return socket;
    };
    const early = await open();
    source.rotate(await newSvid(domain, 'spiffe://example.org/server'), domain);
    const late = await open();
    expect(late.getPeerX509Certificate()?.serialNumber).not.toBe(early.getPeerX509Certificate()?.serialNumber);
    for (const socket of [early, late]) {
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      expect(String((await once(socket, 'data'))[0])).toContain('200 OK');
      socket.destroy();
    }
  });

  test('believes a new bundle from then on, and the old one no more', async () => {
    const { port, source } = await startHttps(memberOf('example.org'));
    const moved = await newDomain();
    source.rotate(await newSvid(moved, 'spiffe://example.org/server'), moved);
    expect(await carelessClient(port, pemIdentity(client))).toBe('');
    expect(await carelessClient(port, pemIdentity(await newSvid(moved, CLIENT_ID)))).toContain(CLIENT_ID);
  });

  test('after a withdrawal nobody gets in, and after a new identity again', async () => {
    const { port, source } = await startHttps();
    source.withdraw();
    const socket = connect({ port, host, rejectUnauthorized: false, ...pemIdentity(client) });
    const [error] = (await once(socket, 'error')) as [{ code: string }];
    expect(error.code).toMatch(/ALERT|ECONNRESET/);
    source.rotate(await newSvid(domain, 'spiffe://example.org/server'), domain);
    expect(await carelessClient(port, pemIdentity(client))).toContain(CLIENT_ID);
  });

  test('closed, it listens to its source no longer', async () => {
    const { https, source } = await startHttps();
    expect(source.listenerCount('update')).toBe(1);
    https.close();
    await once(https, 'close');
    servers.splice(0);
    expect([source.listenerCount('update'), source.listenerCount('withdrawn')]).toEqual([0, 0]);
  });

  test('keeps what it was told of its TLS through a rotation', async () => {
    const source = newServer();
    const port = await started(createTlsServer(policyOf(source), { minVersion: 'TLSv1.3' }));
    source.rotate(await newSvid(domain, 'spiffe://example.org/server'), domain);
    const socket = connect({ port, host, rejectUnauthorized: false, maxVersion: 'TLSv1.2', ...pemIdentity(client) });
    const [error] = (await once(socket, 'error')) as [{ code: string }];
    expect(error.code).toContain('PROTOCOL_VERSION');
  });
});

describe('a server from elsewhere', () => {
  test('with the options alone lets nobody in', async () => {
    const asked: string[] = [];
    const plain = createHttps(serverTlsOptions(policyOf(newServer())), (incoming) => asked.push(incoming.url ?? ''));
    const port = await started(plain);
    expect(await carelessClient(port, pemIdentity(client))).toBe('');
    expect(asked).toEqual([]);
  });

  test('with the guard lets in whom it should, whoever listened before', async () => {
    const seen: TLSSocket[] = [];
    const policy = policyOf(newServer(), exactly(CLIENT_ID));
    const plain = createHttps(serverTlsOptions(policy), (_incoming, outgoing) => outgoing.end('ok'));
    plain.on('secureConnection', (socket) => seen.push(socket));
    const port = await started(guardServer(plain, policy));
    expect(await carelessClient(port, pemIdentity(client))).toContain('ok');
    expect(await carelessClient(port, {})).toBe('');
    expect(await carelessClient(port, await lax.identity({}))).toBe('');
    expect(seen).toMatchObject([{ authorized: true, authorizationError: null }]);
  });

  test('made to resume sessions, refuses who does', async () => {
    const policy = policyOf(newServer());
    const sessions = new Map<string, Buffer>();
    const plain = createTlsServer(policy, { maxVersion: 'TLSv1.2' }, (socket) => socket.end('in'));
    plain.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      sessions.set(id.toString('hex'), data);
      done();
    });
    plain.on('resumeSession', (id: Buffer, done: (error: null, data: Buffer | null) => void) =>
      done(null, sessions.get(id.toString('hex')) ?? null),
    );
    const port = await started(plain);
    const options = { port, host, rejectUnauthorized: false, ...pemIdentity(client) };
    const first = connect(options);
    await once(first, 'secureConnect');
    const session = first.getSession();
    expect(sessions.size).toBe(1);
    first.destroy();
    const refused = once(plain, 'tlsClientError');
    const second = connect({ ...options, ...(session && { session }) });
    second.on('error', () => undefined);
    expect((await refused)[0]).toMatchObject({
      code: 'peer_not_trusted',
      message: expect.stringContaining('resumes') as string,
    });
    second.destroy();
  });
});

test('a guarded server of http2 opens no session with a stranger', async () => {
  const streams: ServerHttp2Stream[] = [];
  const sessions: unknown[] = [];
  const http2 = createHttp2Server(policyOf(newServer(), exactly(CLIENT_ID)));
  http2.on('session', (session) => sessions.push(session));
  http2.on('stream', (stream) => {
    streams.push(stream);
    stream.respond({ ':status': 200 });
    stream.end();
  });
  const port = await started(http2);
  const stranger = connectHttp2(`https://${host}:${port}`, { rejectUnauthorized: false, ...(await lax.identity({})) });
  stranger.on('error', () => undefined);
  const refused = stranger.request({ ':path': '/' });
  refused.on('error', () => undefined);
  await once(stranger, 'close');
  expect([sessions.length, streams.length]).toEqual([0, 0]);
});
