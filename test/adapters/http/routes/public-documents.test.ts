import { X509Certificate } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { publicDocumentRoutes } from '../../../../src/adapters/http/routes/public-documents.ts';
import type { Authority } from '../../../../src/domain/authority.ts';
import type { ResourceWritten } from '../../../../src/domain/fact.ts';
import { bundlePem } from '../../../../src/usecases/publish-bundle.ts';
import { CurrentDocuments } from '../../../../src/usecases/current-documents.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../../../src/usecases/rotate-authorities.ts';
import { DAY_MS, openTestAuthorities, type TestAuthorities } from '../../../support/authorities.ts';
import {
  ask,
  changingIdentity,
  newTlsIdentity,
  startServer,
  type Answered,
  type RunningServer,
} from '../../../support/http.ts';

const URLS = { public: 'https://mayfly.example.org', api: 'https://api.example.org:8443' };

let world: TestAuthorities;
let running: RunningServer;

const start = async (urls?: typeof URLS): Promise<RunningServer> => {
  const routes = publicDocumentRoutes(new CurrentDocuments(world.views, urls));
  return startServer(routes, { listener: 'public', identity: changingIdentity(await newTlsIdentity()) });
};

const get = (path: string, headers: Record<string, string> = {}): Promise<Answered> =>
  ask({ port: running.port, tls: true, path, headers });

/** Other people's clients, pointed at our socket. */
const customFetch = async (url: string, options: { headers?: unknown }): Promise<Response> => {
  const { pathname, origin } = new URL(url);
  if (origin !== URLS.public) throw new Error(`asked elsewhere: ${origin}`);
  const answered = await get(pathname, Object.fromEntries(new Headers(options.headers as Record<string, string>)));
  return new Response(answered.text, {
    status: answered.status,
    headers: { 'content-type': String(answered.headers['content-type']) },
  });
};

beforeEach(async () => {
  world = await openTestAuthorities();
  await bootstrapAuthorities(world.keeper);
  running = await start(URLS);
});
afterEach(async () => {
  await running.server.close();
  await world.close();
});

const change = (kind: 'authority-revoked' | 'authority-tainted', { id, purpose }: Authority) =>
  world.ledger.append({ facts: [{ kind, id, purpose, by: 'test' }] });

const firstOf = (purpose: Authority['purpose'], state: Authority['state']): Authority => {
  const found = world.views.authorities.list(purpose).find((each) => each.state === state);
  if (found === undefined) throw new Error(`no ${state} ${purpose}`);
  return found;
};

type Keys = readonly Record<string, unknown>[];
const keysOf = async (path: string): Promise<Keys> => (await get(path)).json()['keys'] as Keys;

describe('/bundle', () => {
  // X509-70 … X509-73, JWT-42, TDB-2, TDB-3, TDB-7, TDB-9, TDB-13
  test('holds roots and JWT-SVID keys, active and spare, as the standard has them', async () => {
    const answered = await get('/bundle');
    const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = answered.json();
    expect([answered.status, answered.headers['content-type'], hint]).toEqual([200, 'application/json', 300]);
    expect(sequence).toBe(world.views.authorities.bundleSequence());
    const x509 = (keys as Keys).filter(({ use }) => use === 'x509-svid');
    const jwt = (keys as Keys).filter(({ use }) => use === 'jwt-svid');
    expect([x509.length, jwt.length, (keys as Keys).length]).toEqual([2, 2, 4]);
    for (const key of x509) {
      expect(Object.keys(key).toSorted()).toEqual(['crv', 'kty', 'use', 'x', 'x5c', 'y']);
      const [der = '', ...rest] = key['x5c'] as string[];
      const certificate = new X509Certificate(Buffer.from(der, 'base64'));
      expect(rest).toEqual([]);
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(certificate.publicKey.export({ format: 'jwk' })).toMatchObject({ x: key['x'], y: key['y'] });
    }
    for (const key of jwt) expect(Object.keys(key).toSorted()).toEqual(['crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  test('the same on the listener of agents', async () => {
    const routes = publicDocumentRoutes(new CurrentDocuments(world.views));
    expect(routes.filter(({ listeners }) => listeners.includes('api')).map(({ path }) => path)).toEqual(['/bundle']);
  });

  test('a revoked authority is gone from it at once, and the sequence grows (TDB-2)', async () => {
    const before = (await get('/bundle')).json();
    await change('authority-revoked', firstOf('x509-root', 'prepared'));
    await change('authority-revoked', firstOf('jwt-svid', 'active'));
    const after = (await get('/bundle')).json();
    expect(after['keys']).toHaveLength(2);
    expect(after['spiffe_sequence']).toBeGreaterThan(before['spiffe_sequence'] as number);
  });

  test('an old key stays until what it signed is over (JK-07)', async () => {
    const { id } = firstOf('jwt-svid', 'active');
    world.clock.advance(6 * DAY_MS);
    await rotateAuthorities(world.keeper);
    expect((await keysOf('/bundle')).map(({ kid }) => kid)).toContain(id);
    world.clock.advance(1.1 * DAY_MS);
    await rotateAuthorities(world.keeper);
    expect((await keysOf('/bundle')).map(({ kid }) => kid)).not.toContain(id);
  });

  test('as PEM it holds the same roots', () => {
    const pem = bundlePem(world.views.authorities.list());
    expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new X509Certificate(pem).ca).toBe(true);
  });
});

describe('key sets', () => {
  // JK-01, JK-02, JK-04, JK-05
  test('each issuer has its own, public members only', async () => {
    const svid = await get('/keys');
    const token = await get('/oauth2/jwks');
    const all = [...(svid.json()['keys'] as Keys), ...(token.json()['keys'] as Keys)];
    expect(svid.headers['content-type']).toBe('application/jwk-set+json');
    expect(new Set(all.map(({ kid }) => kid)).size).toBe(4);
    for (const key of all) {
      expect(key).toMatchObject({ kty: 'EC', alg: 'ES256', use: 'sig' });
      expect(
        Object.keys(key).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].includes(name)),
      ).toEqual([]);
    }
    const access = world.views.authorities.list('access-token').map(({ id }) => id);
    expect((token.json()['keys'] as Keys).map(({ kid }) => kid)).toEqual(access);
  });

  test('a tainted key still verifies, a revoked one does not', async () => {
    const authority = firstOf('access-token', 'active');
    await change('authority-tainted', authority);
    expect((await keysOf('/oauth2/jwks')).map(({ kid }) => kid)).toContain(authority.id);
    await change('authority-revoked', authority);
    expect((await keysOf('/oauth2/jwks')).map(({ kid }) => kid)).not.toContain(authority.id);
  });
});

describe('caching', () => {
  const PATHS = ['/bundle', '/keys', '/oauth2/jwks', '/.well-known/openid-configuration'];

  // DEC-24, JK-05, MD-08
  test.each(PATHS)('%s has a strong tag and answers 304', async (path) => {
    const first = await get(path);
    const etag = String(first.headers['etag']);
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect(first.headers['cache-control']).toBe('public, max-age=300, stale-while-revalidate=60, stale-if-error=86400');
    for (const held of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const second = await get(path, { 'if-none-match': held });
      expect([second.status, second.text, second.headers['etag']]).toEqual([304, '', etag]);
    }
    expect((await get(path, { 'if-none-match': '"x"' })).status).toBe(200);
  });

  test('the tag changes with the keys and only then', async () => {
    const before = await get('/keys');
    expect((await get('/keys')).headers['etag']).toBe(before.headers['etag']);
    await change('authority-revoked', firstOf('jwt-svid', 'prepared'));
    const after = await get('/keys', { 'if-none-match': String(before.headers['etag']) });
    expect(after.status).toBe(200);
    expect(after.headers['etag']).not.toBe(before.headers['etag']);
  });

  test('one serialisation for each state', () => {
    const documents = new CurrentDocuments(world.views, URLS);
    expect(documents.bundle()).toBe(documents.bundle());
    expect(documents.authorizationServer()).toBe(documents.authorizationServer());
  });
});

describe('metadata', () => {
  const issuer = new URL(`${URLS.public}/oauth2`);

  // MD-01 … MD-08, DEC-32, DEC-48, DEC-49
  test('oauth4webapi finds the authorization server under its RFC 8414 address', async () => {
    const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', [oauth.customFetch]: customFetch });
    const server = await oauth.processDiscoveryResponse(issuer, response);
    expect(server).toEqual({
      issuer: 'https://mayfly.example.org/oauth2',
      authorization_endpoint: 'https://mayfly.example.org/oauth2/authorize',
      token_endpoint: 'https://mayfly.example.org/oauth2/token',
      jwks_uri: 'https://mayfly.example.org/oauth2/jwks',
      response_types_supported: [],
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['spiffe_x509', 'spiffe_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      tls_client_certificate_bound_access_tokens: true,
      mtls_endpoint_aliases: { token_endpoint: 'https://api.example.org:8443/oauth2/token' },
    });
  });

  test('openid-client finds it too, by appending', async () => {
    const config = await openid.discovery(issuer, 'spiffe://example.org/web', undefined, undefined, {
      [openid.customFetch]: customFetch,
    });
    expect(config.serverMetadata().token_endpoint).toBe('https://mayfly.example.org/oauth2/token');
  });

  test('the issuer of JWT-SVIDs has its own, without endpoints that it lacks (MD-09, MD-10)', async () => {
    const svid = new URL(URLS.public);
    const response = await oauth.discoveryRequest(svid, { [oauth.customFetch]: customFetch });
    const server = await oauth.processDiscoveryResponse(svid, response);
    expect(server).toMatchObject({
      issuer: 'https://mayfly.example.org',
      jwks_uri: 'https://mayfly.example.org/keys',
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
    expect(Object.keys(server).filter((name) => name.endsWith('_endpoint'))).toEqual([]);
  });

  test('scopes of resources appear with the resource (MD-07)', async () => {
    const path = '/.well-known/oauth-authorization-server/oauth2';
    expect((await get(path)).json()).not.toHaveProperty('scopes_supported');
    const written: ResourceWritten = {
      kind: 'resource-created',
      resource: {
        identifier: 'https://orders.example.org',
        names: [],
        owners: [],
        scopes: [{ name: 'orders:write' }, { name: 'orders:read' }],
        bindings: ['mtls'],
        algorithm: 'ES256',
        claims: {},
        revision: 1,
      },
      by: 'test',
      leans: { policy: 1 },
    };
    await world.ledger.append({ facts: [written] });
    expect((await get(path)).json()['scopes_supported']).toEqual(['orders:read', 'orders:write']);
  });

  test('the Host header changes nothing (MD-04)', async () => {
    const path = '/.well-known/openid-configuration';
    const spoofed = await get(path, { host: 'evil.example', 'x-forwarded-host': 'evil.example' });
    expect(spoofed.text).toBe((await get(path)).text);
  });

  test('without a public URL there is none, and the bundle stays (DEC-29)', async () => {
    await running.server.close();
    running = await start();
    expect((await get('/.well-known/openid-configuration')).status).toBe(404);
    expect((await get('/.well-known/oauth-authorization-server/oauth2')).status).toBe(404);
    expect((await get('/bundle')).status).toBe(200);
  });
});

describe('/oauth2/authorize', () => {
  // DEC-48, AS-01
  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('%s is refused with one answer', async (method) => {
    const path = '/oauth2/authorize?response_type=code&redirect_uri=https%3A%2F%2Fevil.example&state=x';
    const answered = await ask({
      port: running.port,
      tls: true,
      method,
      path,
      headers: { accept: 'text/html', 'content-type': 'text/plain' },
      ...(method !== 'GET' && { body: 'response_type=code' }),
    });
    expect(answered.status).toBe(400);
    expect(answered.json()['error']).toBe('unsupported_response_type');
    expect(answered.headers['content-type']).toBe('application/json');
    expect([answered.headers['location'], answered.headers['set-cookie']]).toEqual([undefined, undefined]);
    expect(answered.text).not.toContain('evil');
  });
});
