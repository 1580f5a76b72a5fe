import { hash } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { importJwks } from '../../src/formats/jwk-import.ts';
import { verifyAccessToken } from '../../src/verify/access-token.ts';
import type { Held } from '../support/journey.ts';
import { JWT_SPIFFE, MAIL, ORDERS, type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';

/** Other people's OAuth clients against the token endpoint, over HTTPS that the TLS library itself verifies. */
let world: OauthWorld;
let web: Held;

beforeAll(async () => {
  world = await startOauthWorld();
  web = await world.svid('web');
});

afterAll(() => world.journey.stop());

type Init = { method?: string; headers?: Record<string, string> | Headers; body?: unknown };

/** `fetch` under the roots of the trust domain; OpenSSL checks chain and address (DEC-33). */
const fetchWith =
  (certificate?: Held) =>
  async (url: string | URL, { method = 'GET', headers = {}, body }: Init = {}): Promise<Response> => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const request = httpsRequest(
      url,
      {
        method,
        headers: Object.fromEntries(new Headers(headers).entries()),
        ca: readFileSync(world.journey.server.ready.bundleFile),
        agent: false,
        ...(certificate && { cert: certificate.cert, key: certificate.keyPem }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const status = response.statusCode ?? 0;
          const known = Object.entries(response.headers).map(([name, value]): [string, string] => [
            name,
            String(value),
          ]);
          resolve(new Response(status === 304 ? null : Buffer.concat(chunks), { status, headers: known }));
        });
      },
    );
    request.once('error', reject);
    request.end(body instanceof URLSearchParams ? body.toString() : (body as string | undefined));
    return promise;
  };

/** The draft's login, which no library has yet: the JWT-SVID as it stands. */
const bySvid =
  (assertion: string) =>
  (_as: unknown, _client: unknown, body: URLSearchParams): void => {
    body.set('client_assertion_type', JWT_SPIFFE);
    body.set('client_assertion', assertion);
  };

const discover = async (algorithm: 'oauth2' | 'oidc'): Promise<oauth.AuthorizationServer> => {
  const issuer = new URL(world.issuer);
  const options = { algorithm, [oauth.customFetch]: fetchWith() };
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
};

test('metadata: oauth4webapi finds it in both places, and both are one document', async () => {
  const [as, oidc] = [await discover('oauth2'), await discover('oidc')]; // MD-02
  expect(as).toEqual(oidc);
  const { api, public: publicUrl } = world.journey.server.ready;
  expect(as).toEqual({
    issuer: `${publicUrl}/oauth2`,
    authorization_endpoint: `${publicUrl}/oauth2/authorize`, // DEC-48
    token_endpoint: `${publicUrl}/oauth2/token`, // DEC-49
    jwks_uri: `${publicUrl}/oauth2/jwks`,
    response_types_supported: [], // DEC-32
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['spiffe_x509', 'spiffe_jwt'], // SA-01, MD-07
    token_endpoint_auth_signing_alg_values_supported: ['ES256'],
    scopes_supported: ['admin', 'read', 'send', 'write'],
    tls_client_certificate_bound_access_tokens: true, // MT-05
    mtls_endpoint_aliases: { token_endpoint: `${api}/oauth2/token` },
  });
});

test('metadata does not follow the Host header', async () => {
  const path = '/.well-known/oauth-authorization-server/oauth2';
  const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
  const plain = await world.journey.public().ask(path);
  const evil = await world.journey.public().ask(path, { headers });
  expect(evil.text).toBe(plain.text); // MD-04
  for (const missing of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration/oauth2']) {
    expect((await world.journey.public().ask(missing)).status).toBe(404);
  }
});

test('oauth4webapi: client_credentials with a JWT-SVID, and its resource server accepts the token', async () => {
  const as = await discover('oauth2');
  const client: oauth.Client = { client_id: 'spiffe://example.org/web' };
  const parameters = new URLSearchParams({ resource: ORDERS, scope: 'read write' });
  const response = await oauth.clientCredentialsGrantRequest(
    as,
    client,
    bySvid(await world.assertion('web')),
    parameters,
    { [oauth.customFetch]: fetchWith() },
  );
  const granted = await oauth.processClientCredentialsResponse(as, client, response);
  expect(granted).toMatchObject({ token_type: 'bearer', scope: 'read write' });
  const call = new Request(`${ORDERS}/1`, { headers: { authorization: `Bearer ${granted.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, call, ORDERS, { [oauth.customFetch]: fetchWith() });
  expect(claims).toMatchObject({ sub: client.client_id, client_id: client.client_id, scope: 'read write' }); // AT-02
  await expect(oauth.validateJwtAccessToken(as, call, MAIL, { [oauth.customFetch]: fetchWith() })).rejects.toThrow(
    'aud',
  );
});

test('oauth4webapi: client_credentials over mTLS goes to the alias, and the token is bound to the certificate', async () => {
  const as = await discover('oauth2');
  const client: oauth.Client = { client_id: web.spiffeId, use_mtls_endpoint_aliases: true };
  const response = await oauth.clientCredentialsGrantRequest(
    as,
    client,
    oauth.TlsClientAuth(),
    new URLSearchParams({ resource: ORDERS }),
    { [oauth.customFetch]: fetchWith(web) },
  );
  const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, response);
  const document = JSON.parse((await world.journey.public().ask('/oauth2/jwks')).text) as unknown;
  const keys = importJwks(document as never);
  const options = { issuer: world.issuer, audience: ORDERS, keys, now: Date.now() as never };
  const own = { certificateThumbprint: hash('sha256', web.chain[0] ?? '', 'base64url') };
  expect(verifyAccessToken(token, { ...options, presenter: own }).subject).toBe(web.spiffeId); // MT-06
  expect(() => verifyAccessToken(token, { ...options, presenter: { acceptsBearer: true } })).toThrow('the token'); // BR-04
  expect(() => verifyAccessToken(token, { ...options, presenter: { certificateThumbprint: 'x' } })).toThrow(
    'the token',
  );
});

test('oauth4webapi reads our refusals', async () => {
  const as = await discover('oauth2');
  const client: oauth.Client = { client_id: 'spiffe://example.org/web' };
  const ask = async (assertion: string, scope: string) =>
    oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(
        as,
        client,
        bySvid(assertion),
        { resource: ORDERS, scope },
        {
          [oauth.customFetch]: fetchWith(),
        },
      ),
    );
  await expect(ask('not.a.token', 'read')).rejects.toMatchObject({ error: 'invalid_client', status: 401 });
  await expect(ask(await world.assertion('web'), 'admin')).rejects.toMatchObject({
    error: 'invalid_scope',
    status: 400,
  });
});

describe.each(['oauth2', 'oidc'] as const)('openid-client in its %s mode', (algorithm) => {
  const configure = (auth: openid.ClientAuth, certificate?: Held): Promise<openid.Configuration> =>
    openid.discovery(
      new URL(world.issuer),
      'spiffe://example.org/web',
      { use_mtls_endpoint_aliases: certificate !== undefined },
      auth,
      { algorithm, [openid.customFetch]: fetchWith(certificate) },
    );

  test('discovers us and gets a token by JWT-SVID', async () => {
    const config = await configure(bySvid(await world.assertion('web')));
    const granted = await openid.clientCredentialsGrant(config, { resource: ORDERS, scope: 'read' });
    expect(granted).toMatchObject({ token_type: 'bearer', scope: 'read', expires_in: 300 });
    await expect(openid.clientCredentialsGrant(config, { resource: MAIL, scope: 'read' })).rejects.toMatchObject({
      error: 'invalid_scope',
    });
  });

  test('discovers us and gets a bound token by X.509-SVID', async () => {
    const config = await configure(openid.TlsClientAuth(), web);
    const granted = await openid.clientCredentialsGrant(config, { audience: 'orders' });
    expect(granted).toMatchObject({ token_type: 'bearer', scope: 'read' });
  });
});
