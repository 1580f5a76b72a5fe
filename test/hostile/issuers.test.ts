import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answered } from '../support/http.ts';
import { attestAs, codeOf, lastReason } from '../support/hostile.ts';
import { csrOf, Journey } from '../support/journey.ts';
import { testKey, type TestKey } from '../support/jwt-keys.ts';
import { claimsOf, issuerOnFile, issuerUrl, tokenOf, tokenTime } from '../support/oidc-keys-on-file.ts';
import { newKey } from '../support/x509.ts';

/** Two issuers that the operator trusts, each for itself: neither speaks for the other (DEC-17). */

const keyA = testKey('ES256');
const keyB = testKey('ES256');
let folder: string;
let journey: Journey;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-issuers-'));
  // Whoever runs B may publish a key under A's kid.
  const issuers = [issuerOnFile(folder, 'a', [keyA]), issuerOnFile(folder, 'b', [{ ...keyB, kid: keyA.kid }])];
  journey = await Journey.start({ ...tokenTime(), attestors: { oidc: { issuers } } });
  await journey.entry('prod', { selectors: ['oidc:a:sub:deploy'] });
  await journey.entry('both', { selectors: ['oidc:a:sub:deploy', 'oidc:b:sub:deploy'] });
});
afterAll(async () => {
  await journey.stop();
  rmSync(folder, { recursive: true, force: true });
});

const show = (token: string): Promise<Answered> =>
  attestAs(journey, { type: 'oidc', evidence: { token }, csr: csrOf(newKey()) });
const asA: TestKey = { ...keyB, kid: keyA.kid };

test('the subject that one issuer vouches for is nobody’s when another does', async () => {
  expect((await show(tokenOf(keyA, 'a', { sub: 'deploy' }))).json()['spiffeId']).toBe('spiffe://example.org/prod');
  expect(codeOf(await show(tokenOf(asA, 'b', { sub: 'deploy' })))).toBe('403 no_identity');
});

test('a claim that is spelled like a selector of the other issuer is only a value', async () => {
  for (const sub of ['oidc:a:sub:deploy', 'x\u0000oidc:a:sub:deploy', ':deploy', 'a:sub:deploy']) {
    expect(codeOf(await show(tokenOf(asA, 'b', { sub })))).toBe('403 no_identity');
  }
  const groups = ['oidc:a:sub:deploy', 'deploy'];
  expect(codeOf(await show(tokenOf(asA, 'b', { groups, 'a:sub': 'deploy' })))).toBe('403 no_identity');
});

test('nobody signs for the other issuer, not even under its kid', async () => {
  expect(codeOf(await show(tokenOf(asA, 'a', { sub: 'deploy' })))).toBe('403 attestation_refused');
  expect(lastReason(journey)).toMatch(/signature/);
});

test('the name of an issuer is compared as bytes', async () => {
  const spellings = [
    `${issuerUrl('a')}/`,
    issuerUrl('a').toUpperCase(),
    issuerUrl('a').replace('https', 'http'),
    `${issuerUrl('a')}\u0000`,
    ` ${issuerUrl('a')}`,
    [issuerUrl('a')],
    undefined,
  ];
  for (const iss of spellings) {
    expect(codeOf(await show(tokenOf(keyA, 'a', { ...claimsOf('a'), iss, sub: 'deploy' })))).toBe(
      '403 attestation_refused',
    );
  }
});

test('tokens of two issuers are no evidence together', async () => {
  const token = tokenOf(keyA, 'a', { sub: 'deploy' });
  const more = tokenOf(asA, 'b', { sub: 'deploy' });
  const send = (evidence: object) => attestAs(journey, { type: 'oidc', evidence, csr: csrOf(newKey()) });
  for (const evidence of [{ token, more }, { token: [token, more] }, { token: `${token} ${more}` }]) {
    expect(codeOf(await send(evidence))).toBe('403 attestation_refused');
  }
  const both = await attestAs(journey, {
    type: 'oidc',
    evidence: { token: tokenOf(keyA, 'a', { sub: 'deploy' }) },
    csr: csrOf(newKey()),
    spiffeId: 'spiffe://example.org/both',
  });
  expect(codeOf(both)).toBe('403 no_identity');
});
