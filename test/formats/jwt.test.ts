import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi';
import { instant } from '../../src/domain/instant.ts';
import type { KeyId } from '../../src/domain/authority.ts';
import { jwksDocument } from '../../src/formats/jwk.ts';
import { testKey, type TestKey } from '../support/jwt-keys.ts';
import {
  AUDIENCE,
  JWT_SVID_ISSUER,
  NOW,
  NOW_SECONDS,
  ourAccessToken,
  ourJwtSvid,
  TOKEN_ISSUER,
  WORKLOAD,
} from '../support/tokens.ts';

const keys = ['ES256', 'ES384', 'RS256'].map(testKey);
const at = { currentDate: new Date(NOW) };
const josePublicKey = (key: TestKey): ReturnType<typeof importJWK> =>
  importJWK({ ...key.verification.jwk, alg: key.alg });

describe.each(keys)('$alg', (key) => {
  // JWT-2, JWT-4, JWT-5, JWT-11, JWT-15
  test('jose accepts our JWT-SVID', async () => {
    const token = ourJwtSvid(key);
    const { payload, protectedHeader } = await jwtVerify(token, await josePublicKey(key), {
      ...at,
      audience: AUDIENCE,
      issuer: JWT_SVID_ISSUER,
      subject: WORKLOAD,
      typ: 'JWT',
    });
    expect(protectedHeader).toEqual({ alg: key.alg, kid: key.kid, typ: 'JWT' });
    expect(payload).toEqual({
      sub: WORKLOAD,
      aud: [AUDIENCE],
      exp: NOW_SECONDS + 300,
      iat: NOW_SECONDS,
      jti: '01a2058c3e0000000000000000000001',
      iss: JWT_SVID_ISSUER,
    });
  });

  // AT-01, AT-02
  test('jose accepts our access token', async () => {
    const token = ourAccessToken(key, { confirmation: { 'x5t#S256': 'abc' } });
    const { payload, protectedHeader } = await jwtVerify(token, await josePublicKey(key), {
      ...at,
      audience: AUDIENCE,
      issuer: TOKEN_ISSUER,
      typ: 'at+jwt',
      requiredClaims: ['client_id', 'jti', 'scope', 'sub', 'iat', 'exp'],
    });
    expect(protectedHeader).toEqual({ alg: key.alg, kid: key.kid, typ: 'at+jwt' });
    expect(payload).toMatchObject({ aud: AUDIENCE, scope: 'read write', cnf: { 'x5t#S256': 'abc' } });
  });

  test('jose refuses it one octet further', async () => {
    const token = ourJwtSvid(key);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const other = `${header}.${payload.replace(/^./, (first) => (first === 'f' ? 'g' : 'f'))}.${signature}`;
    await expect(jwtVerify(other, await josePublicKey(key), at)).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    });
  });
});

describe('oauth4webapi', () => {
  const [key = testKey('ES256')] = keys;
  const current = instant(Date.now());
  const fresh = {
    now: current,
    callerNotAfter: current / 1000 + 3600,
    keyNotAfter: Math.floor(current / 1000) + 86_400,
  };

  const validate = async (token: string): Promise<unknown> => {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/jwk-set+json');
      response.end(jwksDocument([{ kid: key.kid as KeyId, alg: key.alg, jwk: key.verification.jwk }]));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
      const request = new Request(AUDIENCE, { headers: { authorization: `Bearer ${token}` } });
      const options = { [allowInsecureRequests]: true };
      return await validateJwtAccessToken({ issuer: TOKEN_ISSUER, jwks_uri: jwksUri }, request, AUDIENCE, options);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  test('validateJwtAccessToken accepts our access token', async () => {
    const token = ourAccessToken(key, fresh);
    expect(await validate(token)).toMatchObject({ sub: WORKLOAD, client_id: WORKLOAD, scope: 'read write' });
  });

  test('and refuses our JWT-SVID', async () => {
    const { now, keyNotAfter } = fresh;
    await expect(validate(ourJwtSvid(key, { now, keyNotAfter, issuer: TOKEN_ISSUER }))).rejects.toBeDefined();
  });
});

test('nothing but three parts of base64url', () => {
  const [key = testKey('ES256')] = keys;
  const token = ourJwtSvid(key);
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]{86}$/);
  expect(decodeProtectedHeader(token)).not.toHaveProperty('jwk');
  expect(Object.keys(decodeJwt(token))).toHaveLength(6);
});

// AT-09
test('a token stays below 2 KiB', () => {
  const longest = testKey('RS256');
  expect(ourAccessToken(longest, { confirmation: { 'x5t#S256': 'a'.repeat(43) } }).length).toBeLessThan(2048);
});
