import {
  Client,
  Metadata,
  Server,
  status,
  type ChannelCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { Server as NetServer } from 'node:net';
import { connect } from 'node:tls';
import { exactly, type Authorizer } from '../../src/workload/authorize.ts';
import { createGrpcListener, grpcChannelCredentials, peerOfCall } from '../../src/workload/grpc.ts';
import { greedyServer, laxDomain, listen, pemIdentity, policyOf, TestSource } from '../support/tls-peers.ts';
import { newDomain, newSvid } from '../support/workload-identities.ts';

const SERVER_ID = 'spiffe://example.org/server';
const CLIENT_ID = 'spiffe://example.org/client';
const domain = await newDomain();
const lax = await laxDomain();
const serverSvid = await newSvid(domain, SERVER_ID);
const clientSvid = await newSvid(domain, CLIENT_ID);
const federated = { 'spiffe://lax.example': lax.bundle };

type Text = ServerUnaryCall<string, string>;
const method = {
  path: '/test.Test/Who',
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: String,
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: String,
};

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0).reverse()) end();
});

const start = async (source: TestSource, authorize: Authorizer = () => true) => {
  const server = new Server();
  const calls: string[] = [];
  const who = (call: Text, done: sendUnaryData<string>): void => {
    calls.push(call.request);
    done(null, `${peerOfCall(call)?.spiffeId} ${peerOfCall(call)?.serial}`);
  };
  server.addService({ Who: method }, { Who: who });
  const listener: NetServer = createGrpcListener(server, policyOf(source, authorize));
  const port = await listen(listener);
  endings.push(() => {
    server.forceShutdown();
    listener.close();
  });
  return { port, calls };
};

const call = (port: number, credentials: ChannelCredentials): Promise<string> => {
  const client = new Client(`127.0.0.1:${port}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  return new Promise<string>((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      'hello',
      new Metadata(),
      { deadline: Date.now() + 10_000 },
      (error, answer) => (error ? reject(error) : resolve(answer ?? '')),
    );
  }).finally(() => client.close());
};

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error as { code: unknown }).code,
  );

const newClient = (): TestSource => new TestSource(clientSvid, domain, federated);

describe('gRPC', () => {
  test('both sides know each other', async () => {
    const { port } = await start(new TestSource(serverSvid, domain), exactly(CLIENT_ID));
    const answer = await call(port, grpcChannelCredentials(policyOf(newClient(), exactly(SERVER_ID))));
    expect(answer).toContain(CLIENT_ID);
  });

  test('new connections have new certificates, on both sides', async () => {
    const serverSource = new TestSource(serverSvid, domain);
    const source = newClient();
    const { port } = await start(serverSource);
    const credentials = grpcChannelCredentials(policyOf(source, exactly(SERVER_ID)));
    const before = await call(port, credentials);
    const moved = await newDomain();
    serverSource.rotate(await newSvid(moved, SERVER_ID), moved);
    source.rotate(await newSvid(moved, CLIENT_ID), moved);
    const after = await call(port, credentials);
    expect(after).toContain(CLIENT_ID);
    expect(after).not.toBe(before);
  });

  test.each([
    ['the wrong name', { uris: ['spiffe://lax.example/other'] }],
    ['two names', { uris: ['spiffe://lax.example/server', 'spiffe://lax.example/other'] }],
    ['our own trust domain', { uris: [SERVER_ID] }],
  ])('a client calls no server with %s', async (_name, plan) => {
    const { server, port, got } = await greedyServer(await lax.identity(plan), { ALPNProtocols: ['h2'] });
    endings.push(() => server.close());
    const authorize: Authorizer = ({ spiffeId }) => spiffeId.endsWith('/server');
    expect(await failure(call(port, grpcChannelCredentials(policyOf(newClient(), authorize))))).toBe(
      status.UNAVAILABLE,
    );
    expect(got).toEqual([]);
  });

  test('a server reads no call of a client that may not', async () => {
    const { port, calls } = await start(new TestSource(serverSvid, domain, federated), exactly(CLIENT_ID));
    const stranger = policyOf(new TestSource(await newSvid(domain, 'spiffe://example.org/stranger'), domain));
    expect(await failure(call(port, grpcChannelCredentials(stranger)))).toBe(status.UNAVAILABLE);
    expect(calls).toEqual([]);
  });

  test('without an identity there is no call', async () => {
    const { port, calls } = await start(new TestSource(serverSvid, domain));
    const source = newClient();
    const credentials = grpcChannelCredentials(policyOf(source));
    source.withdraw();
    expect(await failure(call(port, credentials))).not.toBe('answered');
    expect(calls).toEqual([]);
  });

  test('a client that does not speak HTTP/2 is cut off', async () => {
    const { port, calls } = await start(new TestSource(serverSvid, domain));
    const options = { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...pemIdentity(clientSvid) };
    const socket = connect({ port, host: '127.0.0.1', ...options });
    await new Promise<void>((resolve) => {
      socket.on('error', () => undefined).once('close', () => resolve());
    });
    expect(calls).toEqual([]);
  });

  test('a call that came in elsewhere has no peer', () => {
    expect(peerOfCall({ getAuthContext: () => ({}) })).toBeUndefined();
    const raw = clientSvid.chain[0];
    const call = { getAuthContext: () => ({ sslPeerCertificate: { raw } as never }) };
    expect(peerOfCall(call)).toBeUndefined();
  });
});
