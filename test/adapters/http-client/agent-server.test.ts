import { sign } from 'node:crypto';
import { HttpAgentServer } from '../../../src/adapters/http-client/agent-server.ts';
import type { ClientIdentity } from '../../../src/adapters/http-client/verified-connection.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { writeCsr } from '../../../src/formats/csr-writer.ts';
import { csrDigest, possessionMessage } from '../../../src/formats/possession.ts';
import type { Delays } from '../../../src/ports/timers.ts';
import { readX509Svid } from '../../../src/verify/x509-path.ts';
import { Journey } from '../../support/journey.ts';
import { turns } from '../../support/agent-holdings.ts';
import { codeOf, refusalOf } from '../../support/refusals.ts';
import {
  json,
  newAuthority,
  type StandIn,
  type StandInOptions,
  startStandIn,
  standInClock,
} from '../../support/server-stand-in.ts';
import { newKey, type TestKey, TRUST_DOMAIN } from '../../support/x509.ts';

let journey: Journey;
let roots: readonly Uint8Array[];
const clients: HttpAgentServer[] = [];
const standIns: StandIn[] = [];

beforeAll(async () => {
  journey = await Journey.start();
  roots = journey.roots();
});

afterAll(async () => {
  for (const each of clients) each.close();
  await Promise.all(standIns.map((each) => each.close()));
  await journey.stop();
});

const client = (identity?: () => ClientIdentity | undefined, urls = [new URL(journey.server.ready.api)]) => {
  const made = new HttpAgentServer({
    urls,
    trustDomain: TRUST_DOMAIN,
    trust: () => roots,
    clock: systemClock,
    delays: systemTimers,
    ...(identity && { identity }),
  });
  clients.push(made);
  return made;
};

const csrFor = (key: TestKey): Buffer => writeCsr(key.privateKey);

const attested = async (name: string, key = newKey()) => {
  const token = await journey.joinToken({ agent: name });
  const issued = await client().attest({ type: 'join_token', evidence: { token }, csr: csrFor(key) });
  const identity: ClientIdentity = { chain: issued.chain, key: key.privateKey };
  return { issued, identity, key };
};

test('evidence in, identity out', async () => {
  const { issued, key } = await attested('one');
  expect(issued.spiffeId).toBe('spiffe://example.org/mayfly/agent/join_token/one');
  expect(issued.role).toBe('agent');
  const svid = readX509Svid(issued.chain);
  expect([svid.spiffeId, svid.leaf.serial]).toEqual([issued.spiffeId, issued.serial]);
  expect(Buffer.compare(svid.leaf.spki, key.spki)).toBe(0);
  expect(issued.ledger.index).toBeGreaterThan(0);
});

test('what the server refuses is a refusal with its code and the decision', async () => {
  const csr = csrFor(newKey());
  const refusal = await refusalOf(client().attest({ type: 'join_token', evidence: { token: 'mfjt_x' }, csr }));
  expect([refusal.code, refusal.decisionId]).toEqual(['attestation_refused', expect.stringMatching(/^[0-9a-f]{32}$/)]);
  expect(await codeOf(client().renew(csr))).toBe('unauthenticated');
  expect(await codeOf(client().hello(undefined))).toBe('unauthenticated');
});

test('a node key that was pinned answers a challenge (DEC-13)', async () => {
  const nodeKey = newKey();
  const key = newKey();
  const csr = csrFor(key);
  const signature = (message: Uint8Array) => sign('sha256', message, nodeKey.privateKey);
  const token = await journey.joinToken({ agent: 'pinned' });
  const pin = { spki: nodeKey.spki, signature: signature(possessionMessage(csrDigest(csr))) };
  const first = await client().attest({ type: 'join_token', evidence: { token }, csr, nodeKey: pin });
  const server = client();
  const challenge = await server.challenge();
  const again = csrFor(newKey());
  const answer = signature(possessionMessage(csrDigest(again), challenge)).toString('base64');
  const evidence = { spiffeId: first.spiffeId, signature: answer };
  const second = await server.attest({ type: 'node_key', evidence, csr: again, challenge });
  expect(second.spiffeId).toBe(first.spiffeId);
  expect(second.serial).not.toBe(first.serial);
});

test('an agent renews, and its new connections show the new SVID', async () => {
  const { identity } = await attested('renewing');
  let shown = identity;
  const server = client(() => shown);
  const key = newKey();
  const renewed = await server.renew(csrFor(key));
  const before = shown;
  shown = { chain: renewed.chain, key: key.privateKey };
  await server.hello(undefined);
  const old = client(() => before);
  expect(await codeOf(old.hello(undefined))).toBe('unauthenticated'); // DEC-12: the successor was shown
  expect((await client(() => shown).hello(undefined)).resync).toBe(true);
});

test('SVIDs of workloads come in order, refused ones in their place', async () => {
  const { identity, issued } = await attested('working');
  await journey.entry('svc', { parentId: issued.spiffeId, selectors: ['unix:uid:1'] });
  const server = client(() => identity);
  const csr = csrFor(newKey());
  const [good, none, bad] = await server.x509Svids([
    { entryId: 'svc', csr },
    { entryId: 'nowhere', csr },
    { entryId: 'svc', csr: new Uint8Array([1]) },
  ]);
  expect(good).toMatchObject({ value: { spiffeId: 'spiffe://example.org/svc' } });
  expect(none).toMatchObject({ refused: { code: 'no_identity', decision: expect.any(String) } });
  expect(bad).toMatchObject({ refused: { code: 'invalid_csr' } });
  const tokens = await server.jwtSvids([
    { entryId: 'svc', audience: ['a'] },
    { entryId: 'svc', audience: ['b', 'c'] },
  ]);
  expect(tokens.map((each) => 'value' in each && each.value.token.split('.').length)).toEqual([3, 3]);
});

test('one refused item is refused in its place too, and nothing asked for is nothing answered', async () => {
  const { identity } = await attested('alone');
  const server = client(() => identity);
  const csr = csrFor(newKey());
  expect(await server.x509Svids([{ entryId: 'nowhere', csr }])).toMatchObject([{ refused: { code: 'no_identity' } }]);
  expect(await server.jwtSvids([{ entryId: 'nowhere', audience: ['a'] }])).toMatchObject([
    { refused: { code: 'no_identity' } },
  ]);
  expect(await server.x509Svids([])).toEqual([]);
  expect(await codeOf(client().x509Svids([{ entryId: 'nowhere', csr }]))).toBe('unauthenticated');
});

test('the head of the log goes back as it came (DEC-11)', async () => {
  const { identity } = await attested('greeting');
  const server = client(() => identity);
  const first = await server.hello(undefined);
  expect(first.resync).toBe(true);
  expect(JSON.parse(first.head)).toMatchObject({ logId: expect.any(String), size: expect.any(Number) });
  expect((await server.hello(first.head)).resync).toBe(false);
});

type Answer = NonNullable<StandInOptions['answer']>;

/** A client of something that answers so, under authorities that the test may change. */
const standInClient = async (
  answer: Answer,
  trusted = (roots: readonly Uint8Array[]) => () => roots,
  delays: Delays = systemTimers,
) => {
  const authority = await newAuthority();
  const standIn = await startStandIn({ authority, answer });
  standIns.push(standIn);
  const server = new HttpAgentServer({
    urls: [standIn.url],
    trustDomain: TRUST_DOMAIN,
    trust: trusted([authority.root.certificate.der]),
    clock: standInClock(),
    delays,
  });
  clients.push(server);
  return { standIn, server };
};

describe('a server that answers oddly', () => {
  const odd = async (status: number, body: unknown, headers: Record<string, string> = {}) =>
    (await standInClient((_request, response) => json(response, status, body, headers))).server;

  test('tells when to come again', async () => {
    const busy = await odd(429, { code: 'rate_limited', detail: 'too often' }, { 'retry-after': '7' });
    const refusal = await refusalOf(busy.challenge());
    expect([refusal.code, refusal.message, refusal.retryAfter]).toEqual(['rate_limited', 'too often', 7]);
  });

  test.each([
    ['a bare failure', 500, { code: 'internal' }],
    ['a code that is not known', 403, { code: 'moon_phase', detail: 'x' }],
    ['no document', 502, null],
    ['another answer', 200, { challenge: 7 }],
    ['no base64', 200, { challenge: '%%%' }],
    ['nothing in it', 200, { challenge: '' }],
    ['a list', 200, []],
  ])('%s is `unavailable`', async (_name, status, body) => {
    expect(await codeOf((await odd(status, body)).challenge())).toBe('unavailable');
  });

  test('members that are not known are left aside', async () => {
    const server = await odd(200, { challenge: 'AAAA', colour: 'blue' });
    expect(Buffer.from(await server.challenge()).toString('base64')).toBe('AAAA');
  });

  test('with another number of items gives none', async () => {
    const server = await odd(200, { items: [] });
    expect(await codeOf(server.renew(csrFor(newKey())))).toBe('unavailable');
    expect(await codeOf(server.jwtSvids([{ entryId: 'a', audience: ['b'] }]))).toBe('unavailable');
  });

  test('with too long an answer is cut off', async () => {
    const server = await odd(200, { challenge: 'A'.repeat(5 * 1024 * 1024) });
    expect((await refusalOf(server.challenge())).message).toContain('too long');
  });

  test('with a key twice is not read', async () => {
    const answer = '{"challenge":"AAAA","challenge":"BBBB"}';
    const { server } = await standInClient((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer),
    );
    expect(await codeOf(server.challenge())).toBe('unavailable');
  });
});

test('an answer that stops in the middle is late, says so, and is not asked for again', async () => {
  let asked = 0;
  const limits: (() => void)[] = [];
  const delays: Delays = {
    after: (_ms, work) => {
      limits.push(work);
      return () => undefined;
    },
  };
  const { server } = await standInClient(
    (_request, response) => {
      asked += 1;
      if (asked === 1) return json(response, 200, { challenge: 'AAAA' });
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{');
      // Once the headers and this octet have come.
      void turns(500).then(() => limits.at(-1)?.());
      return undefined;
    },
    undefined,
    delays,
  );
  // The second request takes the connection of the first.
  await server.challenge();
  const refusal = await refusalOf(server.challenge());
  expect([refusal.code, refusal.message]).toEqual(['unavailable', expect.stringContaining('no answer in time')]);
  expect(asked).toBe(2);
});

test('connections are kept, and new authorities mean new ones', async () => {
  let trust: readonly Uint8Array[] = [];
  const { standIn, server } = await standInClient(
    (_request, response) => json(response, 200, { challenge: 'AAAA' }),
    (roots) => {
      trust = roots;
      return () => trust;
    },
  );
  for (let round = 0; round < 3; round += 1) await server.challenge();
  expect(standIn.connections()).toBe(1);
  trust = [...trust];
  await server.challenge();
  expect(standIn.connections()).toBe(2);
  trust = [];
  expect(await codeOf(server.challenge())).toBe('unavailable');
});

test('nobody there is `unavailable`', async () => {
  const gone = await startStandIn({ authority: await newAuthority() });
  await gone.close();
  expect(await codeOf(client(undefined, [gone.url]).challenge())).toBe('unavailable');
});
