import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oidcEvidence } from '../../src/adapters/evidence/oidc.ts';
import { x509popEvidence } from '../../src/adapters/evidence/x509pop.ts';
import { pinnedAnchor } from '../../src/adapters/http-client/pinned-root.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import { bundleAnchor } from '../../src/agent/server-trust.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { encodePem } from '../../src/formats/pem.ts';
import type { TrustAnchor } from '../../src/ports/trust-anchor.ts';
import { Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { testKey } from '../support/jwt-keys.ts';
import { KUBERNETES_CLAIMS, oidcToken, type OidcIssuerServer, startOidcIssuer } from '../support/oidc-issuer.ts';
import { tokenFor } from '../support/own-agent.ts';
import { greets, ownAgents } from '../support/own-agents.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, type TestCa, TRUST_DOMAIN } from '../support/x509.ts';

/** From nothing but evidence and a first trust to an identity, against a real server. */
const time = testTime(NOW * 1000);
const { pass } = time;
const MINUTE = 60_000;
const DAY = 86_400_000;

let journey: Journey;
let folder: string;
let provider: OidcIssuerServer;
let factory: TestCa;
const signer = testKey('ES256');
const { newPath, start, stop, stopAll, close } = ownAgents(() => journey, time);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-bootstrap-'));
  provider = await startOidcIssuer();
  await provider.publish(signer);
  factory = await newCa();
  writeFileSync(join(folder, 'provider.pem'), provider.ca);
  writeFileSync(join(folder, 'factory.pem'), encodePem('CERTIFICATE', factory.certificate.der));
  const issuer = { name: 'cluster', url: provider.url, hosts: [], agents: true, private: true, multiTenant: false };
  journey = await Journey.start({
    ...time,
    attestors: {
      x509pop: { caFiles: [join(folder, 'factory.pem')] },
      oidc: { issuers: [{ ...issuer, caFile: join(folder, 'provider.pem') }] },
    },
  });
});

afterEach(stopAll);

afterAll(async () => {
  close();
  await journey.stop();
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

describe('a certificate of the factory', () => {
  const device = async (ca = factory, name = 'device') => {
    const key = newKey();
    const leaf = await issueLeaf(ca, leafPlan(ca, key, { notAfter: NOW + 5 * 86_400 }));
    return x509popEvidence({
      certificateFile: file(`${name}.pem`, encodePem('CERTIFICATE', leaf)),
      keyFile: file(`${name}.key`, key.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    });
  };

  test('makes an agent, and the same one again after it lost its state', async () => {
    const evidence = await device();
    const agent = await start({ evidence });
    const id = agent.keeper.current()?.spiffeId;
    expect(id).toMatch(/^spiffe:\/\/example\.org\/mayfly\/agent\/x509pop\/[0-9a-f]{64}$/); // DEC-18
    expect(await greets(agent)).toBe(true);
    const again = await start({ evidence });
    expect(again.keeper.current()?.spiffeId).toBe(id);
  });

  test('that was evicted is an agent again by itself; that was banned waits for its release', async () => {
    const agent = await start({ evidence: await device(factory, 'evicted') });
    const first = agent.keeper.current();
    const act = (what: string) =>
      journey.administer('POST', `/v1/admin/agents/${encodeURIComponent(first?.spiffeId ?? '')}/${what}`, {
        confirm: true,
      });
    await act('evict');
    if (first) agent.keeper.revoked(first);
    await agent.keeper.step();
    const second = agent.keeper.current();
    expect([second?.spiffeId, second?.serial === first?.serial]).toEqual([first?.spiffeId, false]);
    expect(await greets(agent)).toBe(true);
    await act('ban');
    if (second) agent.keeper.revoked(second);
    await pass(5 * MINUTE, MINUTE);
    expect(agent.keeper.status().state).toBe('banned');
  });

  test('of another factory makes none', async () => {
    const agent = await start({ evidence: await device(await newCa(), 'stranger') });
    expect(agent.keeper.status()).toEqual({
      state: 'unproven',
      problem: expect.stringContaining('the evidence was not accepted'),
    });
  });
});

describe('an OIDC token in a file', () => {
  const token = (changes: object = {}): Promise<string> => {
    const seconds = Math.floor(time.clock.now() / 1000);
    const times = { iat: seconds, nbf: seconds, exp: seconds + 600 };
    return oidcToken(signer, provider.url, { ...KUBERNETES_CLAIMS, ...times, ...changes });
  };

  test('makes an agent; when it has to prove itself anew, it reads the token of that day', async () => {
    const path = file('token', await token());
    const state = newPath();
    const agent = await start({ path: state, evidence: oidcEvidence({ file: path }) });
    expect(agent.keeper.current()?.spiffeId).toMatch(/\/mayfly\/agent\/oidc\/[0-9a-f]{64}$/);
    stop(agent);
    await pass(40 * DAY, DAY);
    const stale = await start({ path: state, evidence: oidcEvidence({ file: path }) });
    expect(stale.keeper.status().state).toBe('unproven');
    writeFileSync(path, await token({ jti: 'fresh' }));
    await pass(2 * MINUTE, MINUTE);
    expect(stale.keeper.status()).toEqual({ state: 'identified' });
    expect(await greets(stale)).toBe(true);
  });
});

describe('trust by the fingerprint of the root', () => {
  const pinned = (fingerprint: string): TrustAnchor =>
    pinnedAnchor({
      urls: [new URL(journey.server.ready.api)],
      trustDomain: TRUST_DOMAIN,
      fingerprint,
      delays: systemTimers,
    });

  const activeRoot = async (): Promise<string> => {
    const { chain } = await journey.attest({ agent: 'any' });
    const issuing = chain.at(-1);
    const above = issuing && readCertificate(issuing).authorityKeyId;
    const root = journey
      .roots()
      .find((der) => Buffer.compare(readCertificate(der).subjectKeyId ?? der, above ?? issuing ?? der) === 0);
    return hash('sha256', root ?? '', 'hex');
  };

  test('the right one is enough, and is kept over a restart without asking again', async () => {
    const path = newPath();
    const anchor = pinned((await activeRoot()).toUpperCase());
    const agent = await start({ path, anchor, evidence: await tokenFor(journey, 'pinning') });
    expect(agent.keeper.status()).toEqual({ state: 'identified' });
    expect(agent.trust.roots()).toHaveLength(1);
    expect(await greets(agent)).toBe(true);
  });

  test('a wrong one shows evidence to nobody, and the operator reads what is offered', async () => {
    const before = journey.size();
    const right = await activeRoot();
    const size = journey.size();
    const agent = await start({ anchor: pinned('ab'.repeat(32)), evidence: await tokenFor(journey, 'misled') });
    const { state, problem = '' } = agent.keeper.status();
    expect(state).toBe('starting');
    for (const part of ['ab'.repeat(32), right, 'mayfly bundle show --sha256']) expect(problem).toContain(part);
    expect(size).toBeGreaterThan(before);
    expect(journey.facts('attested').filter(({ spiffeId }) => spiffeId.endsWith('/misled'))).toEqual([]);
    expect(() => pinned('abc')).toThrow('64 hexadecimal digits');
  });
});

test('a bundle of other authorities shows evidence to nobody, until it is corrected', async () => {
  const other = await newCa();
  const path = newPath();
  const anchor = bundleAnchor(encodePem('CERTIFICATE', other.certificate.der), TRUST_DOMAIN);
  const evidence = await tokenFor(journey, 'strayed');
  const agent = await start({ path, anchor, evidence });
  expect(agent.keeper.status().problem).toContain('does not prove to be the server');
  stop(agent);
  expect((await start({ path, evidence })).keeper.status()).toEqual({ state: 'identified' });
});
