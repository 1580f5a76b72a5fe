import { hash } from 'node:crypto';
import { HttpAgentServer } from '../../../src/adapters/http-client/agent-server.ts';
import { fetchPinnedRoot, parseFingerprint } from '../../../src/adapters/http-client/pinned-root.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { bundleDocument } from '../../../src/formats/bundle.ts';
import { writeCsr } from '../../../src/formats/csr-writer.ts';
import { Journey } from '../../support/journey.ts';
import { codeOf, refusalOf } from '../../support/refusals.ts';
import {
  newAuthority,
  type StandIn,
  type StandInAuthority,
  startStandIn,
  type StandInOptions,
} from '../../support/server-stand-in.ts';
import { newKey, TRUST_DOMAIN } from '../../support/x509.ts';

/** Trust by the fingerprint of the root (DEC-18). */
let authority: StandInAuthority;
const standIns: StandIn[] = [];

beforeAll(async () => {
  authority = await newAuthority();
});

afterAll(() => Promise.all(standIns.map((each) => each.close())));

const bundleOf = (...roots: readonly StandInAuthority[]): string =>
  bundleDocument({ x509Authorities: roots.map(({ root }) => root.certificate.der), jwtKeys: [], sequence: 1 });

const answering = async (status: number, body: string, more: Partial<StandInOptions> = {}): Promise<URL> => {
  const answer: StandInOptions['answer'] = (_request, response) => response.writeHead(status).end(body);
  const standIn = await startStandIn({ authority, answer, ...more });
  standIns.push(standIn);
  return standIn.url;
};

const sha256 = (der: Uint8Array): string => hash('sha256', der, 'hex');
const fingerprintOf = ({ root }: StandInAuthority): string => sha256(root.certificate.der);

const fetch = (urls: readonly URL[], fingerprint = fingerprintOf(authority)) =>
  fetchPinnedRoot({ urls, trustDomain: TRUST_DOMAIN, fingerprint, delays: systemTimers });

test('the root with the fingerprint is chosen, and no other that is offered', async () => {
  const other = await newAuthority();
  const url = await answering(200, bundleOf(other, authority));
  expect(Buffer.compare(await fetch([url]), authority.root.certificate.der)).toBe(0);
});

test('fingerprints come as openssl prints them, too', () => {
  const plain = 'ab'.repeat(32);
  const printed = plain.toUpperCase().match(/../g)?.join(':') ?? '';
  expect([parseFingerprint(plain), parseFingerprint(` ${printed}\n`)]).toEqual([plain, plain]);
});

test.each(['', 'ab', 'zz'.repeat(32), 'ab'.repeat(20), `sha256:${'ab'.repeat(32)}`])('%j is no fingerprint', (text) => {
  expect(() => parseFingerprint(text)).toThrow('64 hexadecimal digits');
});

test('a server that offers other roots is not believed, and the operator reads what it offers', async () => {
  const other = await newAuthority();
  const url = await answering(200, bundleOf(other));
  const refusal = await refusalOf(fetch([url]));
  expect(refusal.code).toBe('unavailable');
  for (const part of [url.host, fingerprintOf(authority), fingerprintOf(other), 'mayfly bundle show --sha256']) {
    expect(refusal.message).toContain(part);
  }
});

test.each([
  ['an empty bundle', 200, '{"keys":[]}', 'none at all'],
  ['no bundle', 200, '<html>', 'does not answer with a SPIFFE bundle'],
  ['nothing there', 404, '', 'answered 404'],
  ['too much', 200, 'x'.repeat(2 * 1024 * 1024), 'too long'],
])('%s is refused', async (_name, status, body, problem) => {
  expect((await refusalOf(fetch([await answering(status, body)]))).message).toContain(problem);
});

test('addresses are tried in turn', async () => {
  const other = await answering(200, bundleOf(await newAuthority()));
  const good = await answering(200, bundleOf(authority));
  expect(sha256(await fetch([other, good]))).toBe(fingerprintOf(authority));
  expect(await codeOf(fetch([other]))).toBe('unavailable');
});

test('whoever relays the right bundle is still no server', async () => {
  const impostor = await newAuthority();
  const url = await answering(200, bundleOf(authority), { authority: impostor });
  const root = await fetch([url]);
  const trust = [root];
  const server = new HttpAgentServer({
    urls: [url],
    trustDomain: TRUST_DOMAIN,
    trust: () => trust,
    clock: systemClock,
    delays: systemTimers,
  });
  expect((await refusalOf(server.challenge())).message).toContain('does not prove to be the server');
  server.close();
});

test('with a real server an agent attests knowing nothing but the fingerprint', async () => {
  const journey = await Journey.start();
  const urls = [new URL(journey.server.ready.api)];
  const [first] = journey.roots();
  if (first === undefined) throw new Error('there is no root');
  const trust = [await fetch(urls, sha256(first))];
  const server = new HttpAgentServer({
    urls,
    trustDomain: TRUST_DOMAIN,
    trust: () => trust,
    clock: systemClock,
    delays: systemTimers,
  });
  const token = await journey.joinToken({ agent: 'pinning' });
  const csr = writeCsr(newKey().privateKey);
  const outcome = await server.attest({ type: 'join_token', evidence: { token }, csr }).catch((error: Error) => error);
  server.close();
  await journey.stop();
  expect(outcome).toMatchObject({ spiffeId: 'spiffe://example.org/mayfly/agent/join_token/pinning' });
});
