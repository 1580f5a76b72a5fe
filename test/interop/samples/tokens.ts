import { createHmac, sign } from 'node:crypto';
import { instant } from '../../../src/domain/instant.ts';
import { bundleDocument } from '../../../src/formats/bundle.ts';
import type { KeyId } from '../../../src/domain/authority.ts';
import { jwksDocument } from '../../../src/formats/jwk.ts';
import { signCompact, testKey, type TestKey } from '../../support/jwt-keys.ts';
import { AUDIENCE, JWT_SVID_ISSUER, ourAccessToken, ourJwtSvid, TOKEN_ISSUER, WORKLOAD } from '../../support/tokens.ts';
import type { Rule, SampleFolder } from './manifest.ts';
import { addAccessToken, addJwtSvid } from './token-sample.ts';
import { NOW } from './x509.ts';

const TIMES = { now: instant(NOW * 1000), keyNotAfter: NOW + 86_400 };
const ALGORITHMS = ['ES256', 'ES384', 'RS256'];

interface Kind {
  readonly name: 'JWT-SVID' | 'access token';
  readonly typ: string;
  readonly rule: Rule;
  readonly claims: Readonly<Record<string, unknown>>;
}

const JTI = '01a2058c3e0000000000000000000001';
const LIFE = { iat: NOW, exp: NOW + 300, jti: JTI };
const JWT_SVID: Kind = {
  name: 'JWT-SVID',
  typ: 'JWT',
  rule: 'jwt-svid',
  claims: { sub: WORKLOAD, aud: [AUDIENCE], iss: JWT_SVID_ISSUER, ...LIFE },
};
const ACCESS_TOKEN: Kind = {
  name: 'access token',
  typ: 'at+jwt',
  rule: 'access-token',
  claims: { iss: TOKEN_ISSUER, sub: WORKLOAD, client_id: WORKLOAD, aud: AUDIENCE, scope: 'read', ...LIFE },
};

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const input = (header: object, claims: object): string => `${part(header)}.${part(claims)}`;

const hs256 = (header: object, claims: object, secret: string | Buffer): string => {
  const text = input({ ...header, alg: 'HS256' }, claims);
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

const withSignature = (token: string, change: (signature: Buffer) => Buffer): string => {
  const [header, claims, signature = ''] = token.split('.');
  return `${header}.${claims}.${change(Buffer.from(signature, 'base64url')).toString('base64url')}`;
};

/** Tokens that no one may take, whatever they think of SPIFFE or OAuth. */
const spoiled = ({ typ, claims }: Kind, key: TestKey, rsa: TestKey): Readonly<Record<string, string>> => {
  const header = { alg: key.alg, kid: key.kid, typ };
  const stranger = testKey('ES256');
  const good = signCompact(key, header, claims);
  const { exp: _exp, ...endless } = claims;
  const { aud: _aud, ...forAnyone } = claims;
  const [head, , tail] = good.split('.');
  const spki = key.publicKey.export({ type: 'spki', format: 'pem' });
  const inDer = sign('sha256', Buffer.from(input(header, claims)), key.privateKey);
  return {
    expired: signCompact(key, header, { ...claims, iat: NOW - 7200, exp: NOW - 3600 }),
    'not yet valid': signCompact(key, header, { ...claims, nbf: NOW + 3600, exp: NOW + 7200 }),
    'without exp': signCompact(key, header, endless),
    'exp as text': signCompact(key, header, { ...claims, exp: 'tomorrow' }),
    'another audience': signCompact(key, header, { ...claims, aud: ['https://other.example.org'] }),
    'audience with more behind it': signCompact(key, header, { ...claims, aud: [`${AUDIENCE}.evil.example`] }),
    'without audience': signCompact(key, header, forAnyone),
    'tampered claims': `${head}.${part({ ...claims, sub: 'spiffe://example.org/admin' })}.${tail}`,
    'tampered signature': withSignature(good, (bytes) => Buffer.concat([bytes.subarray(1), Buffer.of(1)])),
    'no signature': `${head}.${part(claims)}.`,
    'two parts': `${head}.${part(claims)}`,
    'signature of zeros': withSignature(good, (bytes) => Buffer.alloc(bytes.length)),
    'signature in DER': withSignature(good, () => inDer),
    'short signature': withSignature(good, (bytes) => bytes.subarray(0, -1)),
    'alg none': `${input({ ...header, alg: 'none' }, claims)}.`,
    'alg None with a signature': `${input({ ...header, alg: 'None' }, claims)}.${tail}`,
    'HS256 over the public key as PEM': hs256(header, claims, spki),
    'HS256 over the public key as DER': hs256(header, claims, key.publicKey.export({ type: 'spki', format: 'der' })),
    'HS256 over nothing': hs256(header, claims, ''),
    'kid of another kind of key': signCompact(key, { ...header, kid: rsa.kid }, claims),
    'unknown kid': signCompact(stranger, { ...header, kid: stranger.kid }, claims),
    'another key under a known kid': signCompact(stranger, header, claims),
    'a key that it brings along': signCompact(stranger, { ...header, jwk: stranger.verification.jwk }, claims),
    'unknown critical header': signCompact(key, { ...header, crit: ['b65'], b65: true }, claims),
    'claims that are no JSON': signCompact(key, header, 'sub=admin'),
  };
};

const spoiledJwtSvids = ({ typ, claims }: Kind, key: TestKey): Readonly<Record<string, string>> => {
  const header = { alg: key.alg, kid: key.kid, typ };
  const { sub: _sub, ...nobody } = claims;
  const as = (sub: string): string => signCompact(key, header, { ...claims, sub });
  return {
    'without sub': signCompact(key, header, nobody),
    'sub that is no SPIFFE ID': as('admin'),
    'sub of another trust domain': as('spiffe://example.com/db'),
    'sub without path': as('spiffe://example.org'),
    'sub with dot segments': as('spiffe://example.org/a/../db'),
    'sub with percent-encoding': as('spiffe://example.org/%64b'),
    'typ of an access token': signCompact(key, { ...header, typ: 'at+jwt' }, claims),
  };
};

const spoiledAccessTokens = ({ typ, claims }: Kind, key: TestKey): Readonly<Record<string, string>> => {
  const header = { alg: key.alg, kid: key.kid, typ };
  const { iss: _iss, ...fromNobody } = claims;
  return {
    'another issuer': signCompact(key, header, { ...claims, iss: 'https://other.example.org' }),
    'issuer with a slash behind it': signCompact(key, header, { ...claims, iss: `${TOKEN_ISSUER}/` }),
    'without issuer': signCompact(key, header, fromNobody),
    'typ of a JWT-SVID': signCompact(key, { ...header, typ: 'JWT' }, claims),
    'without typ': signCompact(key, { alg: key.alg, kid: key.kid }, claims),
  };
};

/** Tokens as the product writes them, and spoiled ones under the same keys. */
export const addTokens = (folder: SampleFolder): void => {
  const keys = ALGORITHMS.map(testKey);
  const [key = testKey('ES256')] = keys;
  const rsa = keys.find(({ alg }) => alg === 'RS256') ?? key;
  const named = keys.map((each) => ({ kid: each.kid as KeyId, alg: each.alg, jwk: each.verification.jwk }));
  const set = folder.file('keys/tokens.jwks.json', jwksDocument(named));
  const bundle = folder.file(
    'keys/tokens.bundle.json',
    bundleDocument({ x509Authorities: [], jwtKeys: named, sequence: 1 }),
  );
  const addJwt = (name: string, token: string, breaks?: Rule): void =>
    addJwtSvid(folder, {
      name: `JWT-SVID, ${name}`,
      token,
      keys: { bundle, keys: set },
      audience: AUDIENCE,
      ...(breaks && { breaks }),
    });
  const addAccess = (name: string, token: string, breaks?: Rule): void =>
    addAccessToken(folder, {
      name: `access token, ${name}`,
      token,
      keys: set,
      issuer: TOKEN_ISSUER,
      audience: AUDIENCE,
      ...(breaks && { breaks }),
    });

  for (const each of keys) {
    addJwt(each.alg, ourJwtSvid(each, TIMES));
    addAccess(each.alg, ourAccessToken(each, { ...TIMES, callerNotAfter: NOW + 3600 }));
  }
  addJwt('several audiences', ourJwtSvid(key, { ...TIMES, audiences: ['spiffe://example.org/reports', AUDIENCE] }));
  addAccess(
    'bound, with claims',
    ourAccessToken(key, {
      ...TIMES,
      callerNotAfter: NOW + 3600,
      confirmation: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' },
      extraClaims: { region: 'eu', level: 3, trial: false },
    }),
  );

  for (const [name, token] of Object.entries(spoiled(JWT_SVID, key, rsa))) addJwt(name, token, 'jwt');
  for (const [name, token] of Object.entries(spoiledJwtSvids(JWT_SVID, key))) addJwt(name, token, 'jwt-svid');
  for (const [name, token] of Object.entries(spoiled(ACCESS_TOKEN, key, rsa))) addAccess(name, token, 'jwt');
  for (const [name, token] of Object.entries(spoiledAccessTokens(ACCESS_TOKEN, key))) {
    addAccess(name, token, 'access-token');
  }
};
