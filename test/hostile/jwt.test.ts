import { createHmac, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ecdsaP1363ToDer } from '../../src/formats/ecdsa-signature.ts';
import { attestAs, codeOf, lastReason } from '../support/hostile.ts';
import { csrOf, Journey } from '../support/journey.ts';
import { encodePart } from '../support/jws-reason.ts';
import { signCompact, testKey } from '../support/jwt-keys.ts';
import { claimsOf, headerOf, issuerOnFile, tokenOf, tokenTime } from '../support/oidc-keys-on-file.ts';
import { type OidcIssuerServer, startOidcIssuer } from '../support/oidc-issuer.ts';
import { newKey, NOW } from '../support/x509.ts';

/** Tokens as evidence, over TLS: whatever a token says of its own algorithm, key or form, only what is configured counts. */

const key = testKey('ES256');
const rsa = testKey('RS256');
const stranger = testKey('ES256');
let folder: string;
let journey: Journey;
let listening: OidcIssuerServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-jwt-'));
  listening = await startOidcIssuer();
  await listening.publish(stranger);
  const issuers = [issuerOnFile(folder, 'ci', [key, rsa])];
  journey = await Journey.start({ ...tokenTime(), attestors: { oidc: { issuers } } });
  await journey.entry('job', { selectors: ['oidc:ci:sub:job'] });
});
afterAll(async () => {
  await journey.stop();
  await listening.close();
  rmSync(folder, { recursive: true, force: true });
});

const show = async (token: string): Promise<string> => {
  const answer = await attestAs(journey, { type: 'oidc', evidence: { token }, csr: csrOf(newKey()) });
  return answer.status === 200 ? '200' : codeOf(answer);
};

const REFUSED = '403 attestation_refused';

const parts = (token: string): [string, string, string] => token.split('.') as [string, string, string];
const withSignature = (signature: Uint8Array): string => {
  const [header, payload] = parts(tokenOf(key, 'ci'));
  return `${header}.${payload}.${Buffer.from(signature).toString('base64url')}`;
};
/** Header and payload in any text, signed as they stand. */
const signedText = (header: string, payload: string): string => signCompact(key, header, payload);

test('an honest one is taken, so that what follows is refused for what it is', async () => {
  expect(await show(tokenOf(key, 'ci'))).toBe('200');
  expect(await show(tokenOf(rsa, 'ci'))).toBe('200');
});

const [, goodPayload, goodSignature] = parts(tokenOf(key, 'ci'));
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
const hmac = (alg: string): string => {
  const input = `${encodePart({ alg, kid: rsa.kid, typ: 'JWT' })}.${encodePart(claimsOf('ci'))}`;
  return `${input}.${createHmac('sha256', publicPem).update(input).digest('base64url')}`;
};

test.each<[string, () => string]>([
  ['alg none, unsigned', () => `${encodePart({ alg: 'none' })}.${goodPayload}.`],
  ['alg none, with a signature', () => `${encodePart({ alg: 'none' })}.${goodPayload}.${goodSignature}`],
  ['alg nOnE', () => `${encodePart({ alg: 'nOnE', kid: key.kid })}.${goodPayload}.${goodSignature}`],
  ['HS256 over the public key', () => hmac('HS256')],
  ['HS512 over the public key', () => hmac('HS512')],
  ['no alg', () => signCompact(key, { kid: key.kid }, claimsOf('ci'))],
  ['RS256 named for a curve key', () => signCompact(key, headerOf(key, { alg: 'RS256' }), claimsOf('ci'))],
  ['a key of another algorithm than it names', () => signCompact(key, headerOf(key, { kid: rsa.kid }), claimsOf('ci'))],
])('the algorithm: %s', async (_what, make) => {
  expect(await show(make())).toBe(REFUSED);
});

test.each<[string, () => object]>([
  ['jku', () => ({ jku: `${listening.url}/keys`, kid: stranger.kid })],
  ['x5u', () => ({ x5u: `${listening.url}/keys`, kid: stranger.kid })],
  ['jwk', () => ({ jwk: { ...stranger.verification.jwk } })],
  ['jwk under a known kid', () => ({ jwk: { ...stranger.verification.jwk }, kid: key.kid })],
  ['a kid that is a path', () => ({ kid: '../../../../dev/null' })],
  ['a kid that is a query', () => ({ kid: "' OR 1=1 --" })],
  ['a kid that is an object', () => ({ kid: { $ne: '' } })],
  ['a kid of 4,000 letters', () => ({ kid: 'a'.repeat(4000) })],
  ['a kid of the runtime', () => ({ kid: '__proto__' })],
])('a key that the token brings or names: %s', async (_what, header) => {
  const before = listening.connections();
  expect(await show(signCompact(stranger, { ...headerOf(stranger), ...header() }, claimsOf('ci')))).toBe(REFUSED);
  expect(listening.connections()).toBe(before); // JW-05: nothing out of a header is ever fetched
});

test.each<[string, () => Uint8Array]>([
  ['r = s = 0', () => Buffer.alloc(64)],
  ['r = 0', () => Buffer.concat([Buffer.alloc(32), Buffer.alloc(32, 1)])],
  ['DER in place of r‖s', () => ecdsaP1363ToDer(Buffer.from(goodSignature, 'base64url'), 'p256')],
  ['a byte more', () => Buffer.concat([Buffer.from(goodSignature, 'base64url'), Buffer.of(0)])],
  ['of other bytes', () => sign('sha256', Buffer.from('x'), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })],
])('the signature: %s', async (_what, make) => {
  expect(await show(withSignature(make()))).toBe(REFUSED);
});

test('DER over the very bytes of the token', async () => {
  const input = `${encodePart(headerOf(key))}.${encodePart(claimsOf('ci'))}`;
  const der = sign('sha256', Buffer.from(input), key.privateKey);
  expect(await show(`${input}.${der.toString('base64url')}`)).toBe(REFUSED); // JW-06
});

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const header = JSON.stringify(headerOf(key));
const payload = (): string => JSON.stringify(claimsOf('ci'));
const into = (json: string, member: string): string => `${json.slice(0, -1)},${member}}`;
/** In front, so that the good one of two is the last, which lax readers keep. */
const before = (json: string, member: string): string => `{${member},${json.slice(1)}`;

test.each<[string, () => string]>([
  ['an unknown crit', () => signedText(into(header, '"crit":["exp"],"exp":1'), payload())],
  ['an empty crit', () => signedText(into(header, '"crit":[]'), payload())],
  ['b64 false', () => signedText(into(header, '"b64":false'), payload())],
  ['alg twice', () => signedText(before(header, '"alg":"none"'), payload())],
  ['kid twice, in other letters', () => signedText(before(header, '"\\u006bid":"x"'), payload())],
  ['sub twice', () => signedText(header, into(payload(), '"sub":"admin"'))],
  ['a header of the runtime', () => signedText(into(header, '"__proto__":{"alg":"none"}'), payload())],
  ['claims of the runtime', () => signedText(header, into(payload(), '"__proto__":{"sub":"admin"}'))],
  ['half a surrogate pair', () => signedText(header, into(payload(), '"x":"\\ud800"'))],
  ['a number beyond doubles', () => signedText(header, into(payload(), '"x":1e999'))],
  ['an integer beyond 2^53', () => signedText(header, into(payload(), '"x":9007199254740993'))],
  ['a header 2,000 deep', () => signedText(into(header, `"x":${nested(2000)}`), payload())],
  ['claims 5,000 deep', () => signedText(header, into(payload(), `"x":${nested(5000)}`))],
  ['another typ', () => signedText(header.replace('"JWT"', '"at+jwt"'), payload())],
  ['a header that is a list', () => signedText(`[${header}]`, payload())],
])('the form: %s', async (_what, make) => {
  const token = make();
  expect(token.length).toBeLessThanOrEqual(16 * 1024); // so that it is read at all
  expect(await show(token)).toBe(REFUSED);
});

test('a header of 1 MiB, and one that is deeper than any stack, are not read', async () => {
  const long = signedText(into(header, `"x":"${'y'.repeat(1024 * 1024)}"`), payload());
  const deep = signedText(into(header, `"x":${nested(10_000)}`), payload());
  const both = await Promise.all([show(long), show(deep)]);
  expect(both).toEqual(['413 payload_too_large', REFUSED]);
  expect(lastReason(journey)).toMatch(/form of this type of evidence/);
});

test.each<[string, object]>([
  ['no exp', { exp: undefined }],
  ['an exp that is text', { exp: String(NOW + 300) }],
  ['an exp that is null', { exp: null }],
  ['no iat', { iat: undefined }],
  ['an exp that is over', { exp: NOW - 3600 }],
  ['an exp in milliseconds of the past', { exp: -1 }],
  ['not valid yet', { nbf: NOW + 3600 }],
  ['no sub', { sub: undefined }],
  ['no aud', { aud: undefined }],
  ['aud of another', { aud: ['spiffe://other.example'] }],
  ['aud nested', { aud: [['spiffe://example.org']] }],
])('the claims: %s', async (_what, change) => {
  expect(await show(tokenOf(key, 'ci', change))).toBe(REFUSED); // JW-08
});

test('nothing of all that was an error of ours, and each refusal is on record', () => {
  expect(journey.log.lines.filter(({ message }) => message === 'a request failed')).toEqual([]);
  const reasons = journey.facts('denied').map(({ reason }) => reason);
  expect(reasons.length).toBeGreaterThan(40);
});
