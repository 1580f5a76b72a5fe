import { createPublicKey } from 'node:crypto';
import { compactVerify } from 'jose';
import { Refusal } from '../../../src/domain/refusal.ts';
import { jwkThumbprint, publicJwk } from '../../../src/formats/jwk.ts';
import type { VerificationKey } from '../../../src/formats/jwk-import.ts';
import { verifyAccessToken } from '../../../src/verify/access-token.ts';
import { verifyJwtSvid } from '../../../src/verify/jwt-svid.ts';
import { verifyOidcToken } from '../../../src/verify/oidc-token.ts';
import { bytesMutator, eitherMutator, jsonMutator, type Mutator } from '../mutate.ts';
import { EC_KEY, NOW, NOW_SECONDS, RSA_KEY, signedToken, wycheproof } from '../samples.ts';
import { demand, text, unless, type Target } from '../target.ts';

const isRefusal = (error: unknown): boolean => error instanceof Refusal;

const keys: readonly VerificationKey[] = [EC_KEY, RSA_KEY].map((secret) => {
  const key = createPublicKey(secret);
  const jwk = publicJwk(key);
  return { key, jwk, kid: jwkThumbprint(jwk) };
});
const [ecKid = '', rsaKid = ''] = keys.map(({ kid }) => kid);

const AUDIENCE = 'https://api.example.org';
const ISSUER = 'https://id.example.org';
const CLAIMS = {
  iss: ISSUER,
  sub: 'spiffe://example.org/db',
  aud: [AUDIENCE],
  exp: NOW_SECONDS + 300,
  iat: NOW_SECONDS - 5,
  nbf: NOW_SECONDS - 5,
  jti: 'one',
  client_id: 'spiffe://example.org/db',
  scope: 'read write',
};

const WORDS = [
  '.',
  'eyJ',
  'none',
  'HS256',
  'ES256',
  'RS256',
  '"crit":["b64"]',
  '"b64":false',
  '"jwk":{}',
  '"kid":',
  '"cnf":{"jkt":"x"}',
  '=',
  '-',
  '_',
];
const changeJson = jsonMutator([...WORDS, ecKid, rsaKid, AUDIENCE]);

const part = (token: string, at: number): Buffer => Buffer.from(token.split('.')[at] ?? '', 'base64url');

/** Changes the claims or the header and signs anew, so that what stands behind the signature check is reached. */
const resigned: Mutator = (random, pool) => {
  // The first two are good ones; most others lead no further than their signature.
  const token = text(random.pick(random.oneIn(2) ? pool : pool.slice(0, 2)));
  const [header, payload] = [part(token, 0), part(token, 1)];
  const changed = random.oneIn(3) ? [changeJson(random, [header]), payload] : [header, changeJson(random, [payload])];
  return Buffer.from(signedToken(...(changed.map((each) => each.toString()) as [string, string])));
};

const tokens = (typ: string): Buffer[] =>
  [
    { alg: 'ES256', kid: ecKid, typ },
    { alg: 'RS256', kid: rsaKid, typ },
  ].map((header) => Buffer.from(signedToken(JSON.stringify(header), JSON.stringify(CLAIMS))));

const vectors = wycheproof('json_web_signature').flatMap(({ tests }) =>
  tests.flatMap(({ jws = '' }) => (jws.length < 4000 ? [Buffer.from(jws)] : [])),
);

/** `jose` is the second opinion on the signature; the claims are looked at once more by hand. */
const judge = async (token: string): Promise<void> => {
  const signer = async (key: VerificationKey): Promise<boolean> =>
    compactVerify(token, key.key).then(
      () => true,
      () => false,
    );
  const answers = await Promise.all(keys.map(signer));
  demand(answers.includes(true), 'a token was accepted that jose does not verify');
  const { exp, aud, nbf } = JSON.parse(part(token, 1).toString()) as Partial<typeof CLAIMS>;
  demand(typeof exp === 'number' && exp > NOW_SECONDS, 'an expired token was accepted');
  demand(nbf === undefined || nbf <= NOW_SECONDS, 'a token was accepted before its time');
  demand([aud].flat().includes(AUDIENCE), 'a token for somebody else was accepted');
};

const target = (typ: string, source: string, verify: (token: string) => unknown): Target => ({
  // JW T5
  maxMs: 5,
  seeds: [...tokens(typ), ...vectors],
  mutate: eitherMutator(resigned, bytesMutator(WORDS)),
  sources: ['verify/jws.ts', 'verify/jws-signature.ts', 'verify/jwt-claims.ts', source],
  run: (input) => {
    const token = text(input);
    const verified = unless(isRefusal, () => verify(token));
    return verified === undefined ? false : judge(token).then(() => true);
  },
});

export const jwtSvid = target('JWT', 'verify/jwt-svid.ts', (token) =>
  verifyJwtSvid(token, { bundles: () => keys, audiences: [AUDIENCE], now: NOW }),
);

export const accessToken = target('at+jwt', 'verify/access-token.ts', (token) =>
  verifyAccessToken(token, { issuer: ISSUER, audience: AUDIENCE, keys, now: NOW, presenter: { acceptsBearer: true } }),
);

export const oidcToken = target('JWT', 'verify/oidc-token.ts', (token) =>
  verifyOidcToken(token, { issuer: ISSUER, audience: AUDIENCE, keys, now: NOW }),
);
