import { Refusal } from '../../src/domain/refusal.ts';
import { verifyAccessToken } from '../../src/verify/access-token.ts';
import { verifyJwtSvid } from '../../src/verify/jwt-svid.ts';
import { verifyOidcToken } from '../../src/verify/oidc-token.ts';
import { signCompact, testKey } from '../support/jwt-keys.ts';
import { AUDIENCE, NOW, NOW_SECONDS, TOKEN_ISSUER, WORKLOAD } from '../support/tokens.ts';

/** One key for every kind: what keeps them apart here is nothing but the rules. */
const key = testKey('ES256');
const keys = [key.verification];

/** The claims of all kinds at once, so that none is refused for lack of a claim. */
const claims = {
  iss: TOKEN_ISSUER,
  sub: WORKLOAD,
  client_id: WORKLOAD,
  aud: [AUDIENCE],
  exp: NOW_SECONDS + 300,
  iat: NOW_SECONDS,
  jti: 'a',
  scope: 'read',
};

const kinds: Readonly<Record<string, string | undefined>> = {
  'access token': 'at+jwt',
  'JWT-SVID': 'JWT',
  'JWT-SVID without typ': undefined,
  'JWT-SVID of JOSE': 'JOSE',
  'WIT-SVID': 'wit+jwt',
  'client assertion': 'client-authentication+jwt',
  'DPoP proof': 'dpop+jwt',
  WPT: 'wpt+jwt',
  'attestation PoP': 'oauth-client-attestation-pop+jwt',
  'status list': 'statuslist+jwt',
  SET: 'secevent+jwt',
  'transaction token': 'txntoken+jwt',
  'ID-JAG': 'oauth-id-jag+jwt',
  introspection: 'token-introspection+jwt',
  'delegation token': 'delegation+jwt',
};

const verifiers: Readonly<Record<string, (token: string) => unknown>> = {
  'access token': (token) =>
    verifyAccessToken(token, {
      issuer: TOKEN_ISSUER,
      audience: AUDIENCE,
      keys,
      now: NOW,
      presenter: { acceptsBearer: true },
    }),
  'JWT-SVID': (token) => verifyJwtSvid(token, { bundles: () => keys, audiences: [AUDIENCE], now: NOW }),
  'OIDC token': (token) => verifyOidcToken(token, { issuer: TOKEN_ISSUER, audience: AUDIENCE, keys, now: NOW }),
};

const accepts: Readonly<Record<string, readonly string[]>> = {
  'access token': ['access token'],
  'JWT-SVID': ['JWT-SVID', 'JWT-SVID without typ', 'JWT-SVID of JOSE'],
  // An identity token has no typ of its own; its issuer and keys are configured, and are never ours.
  'OIDC token': ['JWT-SVID', 'JWT-SVID without typ'],
};

// JW T1, AT T3
describe.each(Object.keys(verifiers))('the verifier of an %s', (verifier) => {
  test.each(Object.keys(kinds))('meets a %s', (kind) => {
    const typ = kinds[kind];
    const token = signCompact(key, { alg: 'ES256', kid: key.kid, ...(typ !== undefined && { typ }) }, claims);
    const verify = (): unknown => verifiers[verifier]?.(token);
    if (accepts[verifier]?.includes(kind) === true) expect(verify()).toBeDefined();
    else expect(verify).toThrow(Refusal);
  });

  test('tells the presenter nothing of what is wrong', () => {
    for (const token of [
      '',
      'a.b.c',
      signCompact(key, { alg: 'ES256', kid: 'x' }, claims),
      `${'a'.repeat(20_000)}.b.c`,
    ]) {
      expect(() => verifiers[verifier]?.(token)).toThrow(
        expect.objectContaining({ code: 'invalid_token', message: 'the token is not valid' }),
      );
    }
  });
});
