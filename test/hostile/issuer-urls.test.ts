import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attestAs, codeOf, lastReason } from '../support/hostile.ts';
import { csrOf, Journey } from '../support/journey.ts';
import { testKey } from '../support/jwt-keys.ts';
import { tokenTime } from '../support/oidc-keys-on-file.ts';
import { oidcToken, type OidcIssuerServer, startOidcIssuer } from '../support/oidc-issuer.ts';
import { newKey } from '../support/x509.ts';

/** What a token, a header or a document of an issuer says makes the server connect to nobody else (JA-11, DEC-56). */

const key = testKey('ES256');
let folder: string;
let issuer: OidcIssuerServer;
let inside: OidcIssuerServer;
const running: Journey[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-urls-'));
  issuer = await startOidcIssuer();
  inside = await startOidcIssuer();
  await issuer.publish(key);
  await inside.publish(key);
});
afterEach(async () => {
  for (const journey of running.splice(0)) await journey.stop();
  await issuer.close();
  await inside.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A server that trusts `issuer`; `isPrivate` is the operator's word that it may have an address of loopback. */
const start = async (isPrivate = true): Promise<Journey> => {
  const caFile = join(folder, 'ca.pem');
  // Both have a certificate that would be good: only the rules keep the server from going there.
  writeFileSync(caFile, issuer.ca + inside.ca);
  const named = { name: 'ci', url: issuer.url, multiTenant: false, hosts: [], agents: false, private: isPrivate };
  const journey = await Journey.start({
    ...tokenTime(),
    attestors: { oidc: { issuers: [{ ...named, caFile }] } },
  });
  running.push(journey);
  await journey.entry('job', { selectors: ['oidc:ci:sub:someone'] });
  return journey;
};

const show = async (journey: Journey, iss = issuer.url, header: object = {}): Promise<string> => {
  const token = await oidcToken(key, iss, {}, { ...header });
  const answer = await attestAs(journey, { type: 'oidc', evidence: { token }, csr: csrOf(newKey()) });
  return answer.status === 200 ? '200' : codeOf(answer);
};

test('an honest issuer is asked, once for its metadata and once for its keys', async () => {
  const journey = await start();
  expect(await show(journey)).toBe('200');
  expect([issuer.requests('/.well-known/openid-configuration'), issuer.requests('/keys')]).toEqual([1, 1]);
});

test('the issuer that a token names is not asked unless it is configured', async () => {
  const journey = await start();
  for (const iss of [inside.url, `${issuer.url}@${inside.host}`, `${issuer.url}/../..`, 'https://169.254.169.254']) {
    expect(await show(journey, iss)).toBe('403 attestation_refused');
  }
  expect([issuer.connections(), inside.connections()]).toEqual([0, 0]);
});

test('nor is what a header names', async () => {
  const journey = await start();
  expect(await show(journey, issuer.url, { jku: `${inside.url}/keys`, x5u: `${inside.url}/keys` })).toBe('200');
  expect(inside.connections()).toBe(0);
});

test.each(['another host', 'metadata of a cloud', 'a file', 'plain http'])(
  'discovery that leads to %s leads nowhere',
  async (what) => {
    const leads: Record<string, string> = {
      'another host': `${inside.url}/keys`,
      'metadata of a cloud': 'https://169.254.169.254/latest/meta-data',
      'a file': 'file:///etc/passwd',
      'plain http': `http://${issuer.host}/keys`,
    };
    const body = { issuer: issuer.url, jwks_uri: leads[what] };
    issuer.page('/.well-known/openid-configuration', () => ({ body }));
    const journey = await start();
    expect(await show(journey)).toBe('503 unavailable');
    expect(lastReason(journey)).toMatch(/not configured|not https/);
    expect([inside.connections(), issuer.requests('/keys')]).toEqual([0, 0]);
  },
);

test.each([301, 302, 303, 307, 308])('a redirect with %d is not followed, of metadata or of keys', async (status) => {
  const away = (path: string) => ({ status, headers: { location: `${inside.url}${path}` }, body: {} });
  issuer.page('/keys', () => away('/keys'));
  expect(await show(await start())).toBe('503 unavailable');
  issuer.page('/.well-known/openid-configuration', () => away('/.well-known/openid-configuration'));
  const journey = await start();
  expect(await show(journey)).toBe('503 unavailable');
  expect(lastReason(journey)).toContain(`status ${status}`);
  expect(inside.connections()).toBe(0);
});

test('an issuer at an address of loopback is not asked without the operator’s word', async () => {
  const journey = await start(false);
  expect(await show(journey)).toBe('503 unavailable');
  expect(lastReason(journey)).toContain('not public');
  expect(issuer.connections()).toBe(0);
});

test('the caller hears nothing of where the server went or what stood there', async () => {
  issuer.page('/keys', () => ({ status: 418, body: 'inner secret' }));
  const journey = await start();
  const token = await oidcToken(key, issuer.url, {});
  const answer = await attestAs(journey, { type: 'oidc', evidence: { token }, csr: csrOf(newKey()) });
  expect(answer.text).not.toMatch(/localhost|418|inner|keys/);
});
