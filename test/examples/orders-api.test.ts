import { hash } from 'node:crypto';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { Challenge, challengeHeader } from '../../examples/orders-api/challenge.ts';
import { checkToken } from '../../examples/orders-api/check-token.ts';
import type { Trust } from '../../examples/orders-api/check-token.ts';

const ISSUER = 'https://mayfly.example.org/oauth2';
const AUDIENCE = 'https://orders.example.org';
const CERTIFICATE = Buffer.from('the DER of a certificate');
const BOUND = { 'x5t#S256': hash('sha256', CERTIFICATE, 'base64url') };

const keyPair = await generateKeyPair('ES256');
const otherPair = await generateKeyPair('ES256');

const trust: Trust = {
  issuer: ISSUER,
  keys: createLocalJWKSet({ keys: [{ ...(await exportJWK(keyPair.publicKey)), alg: 'ES256' }] }),
  audience: AUDIENCE,
  // Nobody listens there: only tokens that pass every other check come so far.
  mayfly: { url: 'https://127.0.0.1:1', bundle: '', serverId: 'spiffe://example.org/mayfly/server' },
};

const CLAIMS: JWTPayload = {
  sub: 'spiffe://example.org/app',
  client_id: 'spiffe://example.org/app',
  jti: '1',
  scope: 'orders:read',
  cnf: BOUND,
  iss: ISSUER,
  aud: AUDIENCE,
};

interface Changes {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly typ?: string;
  readonly key?: CryptoKey;
  readonly expires?: string;
}

const token = ({ claims = {}, typ = 'at+jwt', key = keyPair.privateKey, expires = '5m' }: Changes = {}) =>
  new SignJWT({ ...CLAIMS, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(key);

const refusalOf = async (authorization: string | undefined): Promise<unknown> => {
  try {
    return await checkToken({ authorization, certificate: CERTIFICATE, scope: 'orders:read' }, trust);
  } catch (error) {
    return error;
  }
};

describe('the orders API refuses', () => {
  test.each([[undefined], [''], ['Basic YTpi'], ['Bearer'], ['Bearer  two spaces']])(
    'a request with %p',
    async (authorization) => {
      expect(await refusalOf(authorization)).toMatchObject({ status: 401, error: undefined, scope: 'orders:read' });
    },
  );

  test.each<[string, Changes]>([
    ['of another issuer', { claims: { iss: 'https://elsewhere.example.org' } }],
    ['for another resource', { claims: { aud: 'https://billing.example.org' } }],
    ['that is no access token', { typ: 'JWT' }],
    ['signed with another key', { key: otherPair.privateKey }],
    ['that has ended', { expires: '-1m' }],
    ['that nobody is named in', { claims: { sub: undefined } }],
    ['bound to nothing', { claims: { cnf: undefined } }],
    ['bound to a key in another way', { claims: { cnf: { jkt: BOUND['x5t#S256'] } } }],
    ['bound to another certificate', { claims: { cnf: { 'x5t#S256': hash('sha256', 'other', 'base64url') } } }],
  ])('a token %s', async (_, changes) => {
    expect(await refusalOf(`Bearer ${await token(changes)}`)).toMatchObject({ status: 401, error: 'invalid_token' });
  });

  test('text that is no token', async () => {
    expect(await refusalOf('Bearer a.b.c')).toMatchObject({ status: 401, error: 'invalid_token' });
  });

  test('a good token when it cannot ask whether that still holds', async () => {
    const error = await refusalOf(`Bearer ${await token()}`);
    expect(error).not.toBeInstanceOf(Challenge);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a challenge', () => {
  test('names scope, error and description', () => {
    expect(challengeHeader(new Challenge(403, 'insufficient_scope', 'not this', 'orders:write'))).toBe(
      'Bearer realm="orders", scope="orders:write", error="insufficient_scope", error_description="not this"',
    );
  });

  test('says no error to a request without a token', () => {
    expect(challengeHeader(new Challenge(401, undefined, 'a token is required', 'orders:read'))).toBe(
      'Bearer realm="orders", scope="orders:read"',
    );
  });
});
