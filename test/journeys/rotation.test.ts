import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { readBundle } from '../../src/formats/bundle-reader.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import { csrOf, type Held, heldFrom, Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { newKey, TRUST_DOMAIN } from '../support/x509.ts';

/** Two weeks in the life of the keys, on made-up time, with restarts and an outage between (DEC-22, JK-06 … JK-08). */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const { clock, timers, pass } = testTime();
let dataDir: string;
let journey: Journey;
let agent: Held;

const start = async (): Promise<void> => {
  journey = await Journey.start({ clock, timers, dataDir });
};

const attest = async (): Promise<void> => {
  agent = await journey.attest({ agent: true });
};

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'mayfly-rotation-'));
  await start();
  await attest();
  const resource = { identifier: 'https://r.example.org', scopes: [{ name: 'read' }], bindings: ['bearer'] };
  await journey.administer('POST', '/v1/admin/resources', resource);
  await journey.entry('nodes', { selectors: ['any:1'] });
});

afterAll(async () => {
  await journey.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** What relying parties can fetch at one moment. */
interface Published {
  readonly bundle: string;
  readonly keys: JSONWebKeySet;
  readonly jwks: JSONWebKeySet;
}

const fetchAll = async (): Promise<Published> => {
  const client = journey.public();
  const [bundle, keys, jwks] = await Promise.all(['/bundle', '/keys', '/oauth2/jwks'].map((path) => client.ask(path)));
  return {
    bundle: bundle?.text ?? '',
    keys: keys?.json() as unknown as JSONWebKeySet,
    jwks: jwks?.json() as unknown as JSONWebKeySet,
  };
};

interface Batch {
  readonly x509: Held;
  readonly jwt: string;
  readonly token: string;
  /** The end of the shortest of them. Unix milliseconds. */
  readonly until: number;
}

let entries = 0;

/** One credential of each kind, as of now. */
const issueAll = async (): Promise<Batch> => {
  entries += 1;
  const id = `w${entries}`;
  const grants = [{ resource: 'https://r.example.org', scopes: ['read'], defaultScopes: ['read'], bearer: true }];
  await journey.entry(id, { parentId: agent.spiffeId, x509Ttl: 86_400, grants });
  const caller = journey.api(agent);
  const key = newKey();
  const x509 = await caller.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId: id }] });
  const jwt = await caller.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId: id }] });
  const held = heldFrom((x509.json() as { items: unknown[] }).items[0], key);
  const form = { grant_type: 'client_credentials', client_id: held.spiffeId };
  const granted = await journey.api(held).postForm('/oauth2/token', form);
  return {
    x509: held,
    jwt: (jwt.json() as { items: { token: string }[] }).items[0]?.token ?? '',
    token: String(granted.json()['access_token']),
    until: clock.now() + 299_000,
  };
};

/** Does everybody accept them by what is published now? */
const expectAccepted = async ({ x509, jwt, token, until }: Batch, { bundle, keys, jwks }: Published): Promise<void> => {
  const now = clock.now();
  const roots = readBundle(bundle, TRUST_DOMAIN).x509Authorities.map(readCertificate);
  expect(verifyX509Svid({ svid: readX509Svid(x509.chain), rootsOf: () => roots, now }).spiffeId).toBe(x509.spiffeId);
  if (now > until) return;
  const currentDate = new Date(now);
  await jwtVerify(jwt, createLocalJWKSet(keys), { audience: 'db', currentDate });
  await jwtVerify(token, createLocalJWKSet(jwks), { audience: 'https://r.example.org', currentDate, typ: 'at+jwt' });
};

/** When each key was first seen published, and first seen in use. Unix milliseconds. */
const published = new Map<string, number>();
const used = new Map<string, number>();
let sequence = { of: -1, content: '' };

const note = (map: Map<string, number>, id: string | undefined): void => {
  if (id !== undefined && !map.has(id)) map.set(id, clock.now());
};

const noteAll = ({ bundle, keys, jwks }: Published, set: Batch): void => {
  for (const key of [...keys.keys, ...jwks.keys]) note(published, key.kid);
  note(used, decodeProtectedHeader(set.jwt).kid);
  note(used, decodeProtectedHeader(set.token).kid);
  expect(Math.max(keys.keys.length, jwks.keys.length)).toBeLessThanOrEqual(8); // JK-08
  const { spiffe_sequence: next, ...content } = JSON.parse(bundle) as { spiffe_sequence: number };
  const text = JSON.stringify(content);
  expect(next).toBeGreaterThanOrEqual(text === sequence.content ? sequence.of : sequence.of + 1); // TDB-2
  sequence = { of: next, content: text };
};

const issuers = new Set<string>();

test('for two weeks everything verifies by what is published, across restarts and an outage of three days', async () => {
  const begin = clock.now();
  let before: Batch | undefined;
  for (let hours = 0; hours <= 14 * 24; hours += 4) {
    if (hours % 40 === 36) {
      await journey.stop();
      if (hours === 196) clock.advance(3 * DAY);
      await start();
    }
    if (hours % 12 === 0 || hours === 196) await attest();
    const documents = await fetchAll();
    const set = await issueAll();
    issuers.add(Buffer.from(readCertificate(set.x509.chain[0] ?? new Uint8Array()).issuerName).toString('hex'));
    noteAll(documents, set);
    await expectAccepted(set, documents);
    // What was issued four hours ago is still accepted by today's documents, if it is alive.
    if (before && before.x509.notAfter * 1000 > clock.now()) await expectAccepted(before, documents);
    before = set;
    await pass(4 * HOUR, 2 * HOUR);
  }
  expect(clock.now() - begin).toBeGreaterThan(16 * DAY);
}, 60_000);

test('issuing CAs and token keys changed, each published a day before it signed', () => {
  expect(issuers.size).toBeGreaterThanOrEqual(3);
  expect(used.size).toBeGreaterThanOrEqual(6);
  const first = Math.min(...used.values());
  for (const [kid, at] of used) {
    const since = published.get(kid) ?? Number.NaN;
    // The very first keys had nobody to be published to.
    if (at !== first) expect(at - since).toBeGreaterThanOrEqual(DAY); // DEC-22, JK-06
  }
});

test('a key that retired is published until what it signed is over, then goes', async () => {
  const { keys, jwks } = await fetchAll();
  const live = new Set([...keys.keys, ...jwks.keys].map(({ kid }) => kid));
  const gone = [...used.keys()].filter((kid) => !live.has(kid));
  expect(gone.length).toBeGreaterThan(0); // JK-07
});

test('each move of an authority is a fact, and none was taken twice', () => {
  const ids = (kind: 'authority-activated' | 'authority-gone') => journey.facts(kind).map(({ id }) => id);
  const prepared = journey.facts('authority-prepared').map(({ authority }) => authority.id);
  for (const each of [prepared, ids('authority-activated'), ids('authority-gone')]) {
    expect(each.length).toBeGreaterThan(0);
    expect(new Set(each).size).toBe(each.length);
  }
});

test('the server shows a certificate of its own that is fresh, and never half over', () => {
  const own = journey.facts('issued').filter(({ role }) => role === 'server');
  expect(own.length).toBeGreaterThan(14);
  const newest = own.at(-1);
  const now = clock.now() / 1000;
  expect(now).toBeLessThan(((newest?.notBefore ?? 0) + (newest?.notAfter ?? 0)) / 2 + 4 * 3600);
});
