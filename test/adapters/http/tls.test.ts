import { Agent } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import { encodePem } from '../../../src/formats/pem.ts';
import { ask, changingIdentity, newTlsIdentity, startServer } from '../../support/http.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../../support/x509.ts';

const hello = defineRoute({
  method: 'GET',
  path: '/hello',
  listeners: ['api', 'public'],
  summary: 'says who presented what',
  access: { kind: 'none' },
  answers: [],
  refusals: [],
  handle: ({ certificate, source }) => ({
    body: { source, leaf: certificate ? Buffer.from(certificate.leaf).toString('base64') : null },
  }),
});

const handshake = (port: number, options: ConnectionOptions = {}): Promise<TLSSocket> => {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  socket.once('secureConnect', () => resolve(socket));
  socket.once('error', reject);
  return promise;
};

/** A handshake, one request, and the session that the server offered for later. */
const sessionOf = async (port: number, options: ConnectionOptions): Promise<Buffer | undefined> => {
  const socket = await handshake(port, options);
  let session: Buffer | undefined;
  socket.on('session', (offered: Buffer) => {
    session = offered;
  });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  socket.end('GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  await ended;
  return session ?? socket.getSession();
};

describe('TLS', () => {
  test.each([
    ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }],
    ['CBC suites', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA' }],
    ['suites without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
  ] as [string, ConnectionOptions][])('%s is refused', async (_name, options) => {
    // FA-07
    const { server, port } = await startServer([hello], { identity: changingIdentity(await newTlsIdentity()) });
    await expect(handshake(port, options)).rejects.toThrow(/alert|SSL/);
    await server.close();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken, and a session is never resumed on api', async (version) => {
    // DEC-19
    const { server, port } = await startServer([hello], { identity: changingIdentity(await newTlsIdentity()) });
    const options = { minVersion: version, maxVersion: version };
    const session = await sessionOf(port, options);
    const second = await handshake(port, { ...options, ...(session && { session }) });
    expect(second.getProtocol()).toBe(version);
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
    await server.close();
  });

  test('a client without certificate is let in, and the handler sees none', async () => {
    const { server, port } = await startServer([hello], { identity: changingIdentity(await newTlsIdentity()) });
    const answer = await ask({ port, tls: true, path: '/hello' });
    expect(answer.json()).toEqual({ source: '127.0.0.1', leaf: null });
    await server.close();
  });

  test('a certificate of anybody is handed over, as it came', async () => {
    const { server, port } = await startServer([hello], { identity: changingIdentity(await newTlsIdentity()) });
    const [ca, key] = [await newCa(), newKey()];
    const leaf = await issueLeaf(ca, leafPlan(ca, key));
    const answer = await ask({
      port,
      tls: true,
      path: '/hello',
      cert: encodePem('CERTIFICATE', leaf),
      key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    });
    expect(answer.json()['leaf']).toBe(leaf.toString('base64'));
    await server.close();
  });

  test('only api asks for a certificate', async () => {
    // DEC-49
    const identity = changingIdentity(await newTlsIdentity());
    const { server, port } = await startServer([hello], { identity, listener: 'public' });
    const [ca, key] = [await newCa(), newKey()];
    const answer = await ask({
      port,
      tls: true,
      path: '/hello',
      cert: encodePem('CERTIFICATE', await issueLeaf(ca, leafPlan(ca, key))),
      key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    });
    expect(answer.json()['leaf']).toBeNull();
    await server.close();
  });

  test('a new identity serves new connections and leaves the old ones alone', async () => {
    const identity = changingIdentity(await newTlsIdentity());
    const { server, port } = await startServer([hello], { identity });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await ask({ port, tls: true, path: '/hello', agent });
    const before = await handshake(port);
    const next = await newTlsIdentity();
    identity.change(next);
    const after = await handshake(port);
    expect(after.getPeerX509Certificate()?.fingerprint256).not.toBe(before.getPeerX509Certificate()?.fingerprint256);
    await expect(handshake(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' })).rejects.toThrow(
      /alert|SSL/,
    );
    expect((await ask({ port, tls: true, path: '/hello', agent })).status).toBe(200);
    for (const socket of [before, after]) socket.destroy();
    agent.destroy();
    await server.close();
    expect(identity.followers).toBe(0);
  });

  test('a handshake that never ends is cut off', async () => {
    const { server, port } = await startServer([hello], {
      identity: changingIdentity(await newTlsIdentity()),
      limits: { handshakeTimeout: 100 },
    });
    const silent = connectPlain(port, '127.0.0.1').resume();
    await new Promise((resolve) => silent.once('close', resolve));
    expect(silent.bytesRead).toBe(0);
    await server.close();
  });
});
