import { ecdsaP1363ToDer } from '../../src/formats/ecdsa-signature.ts';
import { decodePart, JWT_SPIFFE, oauthCode, type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';
import { encodePart } from '../support/jws-reason.ts';
import { signCompact, testKey } from '../support/jwt-keys.ts';
import { type OidcIssuerServer, startOidcIssuer } from '../support/oidc-issuer.ts';

/** JWT-SVIDs as a login at the token endpoint: a good one in another dress is none, and strangers have none (SJ-03, JW-05). */

let world: OauthWorld;
let listening: OidcIssuerServer;
let good: string;
const stranger = testKey('ES256');

beforeAll(async () => {
  world = await startOauthWorld();
  listening = await startOidcIssuer();
  await listening.publish(stranger);
  good = await world.assertion('web');
});
afterAll(async () => {
  await world.journey.stop();
  await listening.close();
});

const parts = (): [string, string, string] => good.split('.') as [string, string, string];
const signature = (): Buffer => Buffer.from(parts()[2], 'base64url');
const withHeader = (header: object): string =>
  `${encodePart({ ...decodePart(good, 0), ...header })}.${parts()[1]}.${parts()[2]}`;
const withSignature = (bytes: Uint8Array): string =>
  `${parts()[0]}.${parts()[1]}.${Buffer.from(bytes).toString('base64url')}`;
const byStranger = (header: object): string =>
  signCompact(stranger, { ...decodePart(good, 0), ...header }, decodePart(good, 1));

test('the one in its own dress logs in, so that what follows is refused for what it is', async () => {
  expect((await world.byJwt(good)).status).toBe(200);
});

test.each<[string, () => string]>([
  ['its signature in DER', () => withSignature(ecdsaP1363ToDer(signature(), 'p256'))],
  ['its signature with a byte more', () => withSignature(Buffer.concat([signature(), Buffer.of(0)]))],
  ['r = s = 0', () => withSignature(Buffer.alloc(64))],
  ['r and s the order of the curve', () => withSignature(Buffer.alloc(64, 0xff))],
  ['alg none', () => withHeader({ alg: 'none' })],
  ['alg HS256', () => withHeader({ alg: 'HS256' })],
  ['another member in the header', () => withHeader({ x: 1 })],
  ['crit', () => withHeader({ crit: ['exp'] })],
  ['jku and a stranger’s signature', () => byStranger({ jku: `${listening.url}/keys`, kid: stranger.kid })],
  ['jwk and a stranger’s signature', () => byStranger({ jwk: stranger.verification.jwk })],
  [
    'x5c and a stranger’s signature',
    () => byStranger({ x5c: [stranger.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] }),
  ],
  ['a stranger’s signature under our kid', () => byStranger({})],
  ['a kid that is a path', () => byStranger({ kid: '../../../dev/null' })],
  ['a kid that is another of our keys', () => withHeader({ kid: String(decodePart(good, 0)['kid']).toUpperCase() })],
  ['a header of 1 MiB', () => `${encodePart({ alg: 'ES256', x: 'y'.repeat(1 << 20) })}.${parts()[1]}.${parts()[2]}`],
  [
    'claims 10,000 deep',
    () => `${parts()[0]}.${encodePart(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)}.${parts()[2]}`,
  ],
  ['two tokens in one', () => `${good}${good}`],
  ['white space around it', () => ` ${good}\n`],
])('%s', async (_what, make) => {
  const answer = await world.byJwt(make());
  expect(['401 invalid_client', '413 invalid_request', '400 invalid_request']).toContain(oauthCode(answer));
  expect(answer.json()['access_token']).toBeUndefined();
  expect(listening.connections()).toBe(0);
});

test('the same dresses are unknown to whoever asks whether they are valid', async () => {
  const web = world.journey.api(await world.svid('web'));
  for (const token of [withSignature(Buffer.alloc(64)), withHeader({ alg: 'none' }), byStranger({}), `${good}x`]) {
    expect((await web.postJson('/v1/validate', { credential: token })).json()['status']).toBe('unknown');
  }
  expect((await web.postJson('/v1/validate', { credential: good })).json()['status']).toBe('valid');
});

test('one assertion twice, or beside another way in, is none', async () => {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_assertion_type: JWT_SPIFFE });
  body.append('client_assertion', good);
  body.append('client_assertion', byStranger({}));
  expect(oauthCode(await world.journey.public().postForm('/oauth2/token', body.toString()))).toBe(
    '400 invalid_request',
  );
});

test('nothing of all that was an error of ours', () => {
  expect(world.journey.log.lines.filter(({ message }) => message === 'a request failed')).toEqual([]);
});
