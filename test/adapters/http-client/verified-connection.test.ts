import {
  type Connecting,
  openUnverified,
  ServerAddresses,
} from '../../../src/adapters/http-client/verified-connection.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { codeOf, refusalOf } from '../../support/refusals.ts';
import {
  newAuthority,
  type StandIn,
  type StandInAuthority,
  standInClock,
  startStandIn,
  type StandInOptions,
} from '../../support/server-stand-in.ts';
import { NOW, TRUST_DOMAIN } from '../../support/x509.ts';

/** DEC-18: whom an agent talks to. */
let authority: StandInAuthority;
let stranger: StandInAuthority;
const running: StandIn[] = [];

beforeAll(async () => {
  [authority, stranger] = await Promise.all([newAuthority(), newAuthority()]);
});

afterAll(() => Promise.all(running.map((each) => each.close())));

const start = async (options: Partial<StandInOptions> = {}): Promise<StandIn> => {
  const standIn = await startStandIn({ authority, ...options });
  running.push(standIn);
  return standIn;
};

const connecting = (changes: Partial<Connecting> = {}): Connecting => {
  const trust = [authority.root.certificate.der];
  return { trustDomain: TRUST_DOMAIN, trust: () => trust, clock: standInClock(), delays: systemTimers, ...changes };
};

const opening = (urls: readonly URL[], changes: Partial<Connecting> = {}) =>
  new ServerAddresses(urls).open(connecting(changes));

test('a server that proves to be one is connected to, in TLS 1.3', async () => {
  const { url } = await start();
  const socket = await opening([url]);
  expect(socket.getProtocol()).toBe('TLSv1.3');
  expect(socket.isSessionReused()).toBe(false); // DEC-19
  socket.destroy();
});

test('a server of another authority is none, and hears nothing', async () => {
  const impostor = await start({ authority: stranger });
  const refusal = await refusalOf(opening([impostor.url]));
  expect(refusal.code).toBe('unavailable');
  expect(refusal.message).toContain('does not prove to be the server');
  expect(refusal.message).toContain(impostor.url.host);
  expect(impostor.heard()).toBe(0);
});

test.each([
  'spiffe://example.org/web',
  'spiffe://example.org/mayfly/agent/join_token/server',
  'spiffe://example.org/mayfly/server/2',
  'spiffe://example.com/mayfly/server',
])('%s is no server, though the authority is the right one', async (spiffeId) => {
  const impostor = await start({ spiffeId });
  const refusal = await refusalOf(opening([impostor.url]));
  expect(refusal.message).toContain(`it is ${spiffeId} and not spiffe://example.org/mayfly/server`);
  expect(impostor.heard()).toBe(0);
});

test('a certificate that has ended by our own clock is not taken', async () => {
  const { url } = await start({ notAfter: NOW - 61 });
  expect((await refusalOf(opening([url]))).message).toContain('an expired certificate');
  const late = standInClock();
  late.set((NOW + 8 * 86_400) * 1000);
  const good = await start();
  expect(await codeOf(opening([good.url], { clock: late }))).toBe('unavailable'); // DEC-43
});

test('with no authority left nobody is a server', async () => {
  const { url } = await start();
  expect(await codeOf(opening([url], { trust: () => [] }))).toBe('unavailable');
});

test('authorities are asked for with each connection', async () => {
  const { url } = await start();
  const good = [authority.root.certificate.der];
  let trust: readonly Uint8Array[] = [stranger.root.certificate.der];
  const addresses = new ServerAddresses([url]);
  const how = connecting({ trust: () => trust });
  expect(await codeOf(addresses.open(how))).toBe('unavailable');
  trust = good;
  (await addresses.open(how)).destroy();
  trust = [];
  expect(await codeOf(addresses.open(how))).toBe('unavailable');
});

test('TLS 1.2 is not spoken', async () => {
  const { url } = await start({ maxVersion: 'TLSv1.2' });
  expect(await codeOf(opening([url]))).toBe('unavailable');
});

test('addresses are tried in turn, and the one that answered is tried first from then on', async () => {
  const gone = await startStandIn({ authority });
  await gone.close();
  const impostor = await start({ authority: stranger });
  const good = await start();
  const addresses = new ServerAddresses([gone.url, impostor.url, good.url]);
  for (let round = 0; round < 3; round += 1) (await addresses.open(connecting())).destroy();
  expect(addresses.host).toBe(good.url.host);
  expect([impostor.connections(), good.connections()]).toEqual([1, 3]);
});

test('when none is good, each is told of', async () => {
  const gone = await startStandIn({ authority });
  await gone.close();
  const impostor = await start({ authority: stranger });
  const { message } = await refusalOf(opening([gone.url, impostor.url]));
  expect(message).toContain(`cannot reach the server at ${gone.url.host}: nobody listens there`);
  expect(message).toContain(`${impostor.url.host} does not prove to be the server`);
});

test('a connection that is called off is not waited for', async () => {
  const { url } = await start();
  const aborted = AbortSignal.abort();
  expect(await codeOf(new ServerAddresses([url]).open(connecting(), aborted))).toBe('unavailable');
  expect(await codeOf(openUnverified(url, { delays: systemTimers, signal: aborted }))).toBe('unavailable');
});

test('addresses are https URLs, and there is one', () => {
  expect(() => new ServerAddresses([])).toThrow('no address');
  expect(() => new ServerAddresses([new URL('http://127.0.0.1:1')])).toThrow('https');
});
