import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '../../src/formats/pem.ts';
import { foreign, type Foreign, type ForeignPlan } from '../support/foreign-certificates.ts';
import { attestAs, codeOf, lastReason, popRequest } from '../support/hostile.ts';
import { Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { Extension, KeyUsageFlags } from '../support/peculiar-x509.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, type TestCa, type TestKey } from '../support/x509.ts';

/** Chains that cost much, or that end where they should not (RFC 5280 §6): nobody is attested by one, and nobody waits. */

let folder: string;
let journey: Journey;
let root: Foreign;
let narrow: Foreign;
let ours: TestCa;
const key = newKey();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-x509pop-'));
  root = await foreign({ name: 'factory', ca: true });
  narrow = await foreign({ name: 'narrow', ca: true, pathLength: 0 });
  ours = await newCa();
  const anchors = [root.der, narrow.der, ours.certificate.der].map((der) => encodePem('CERTIFICATE', der));
  writeFileSync(join(folder, 'anchors.pem'), anchors.join(''));
  const { clock, timers } = testTime(NOW * 1000);
  const x509pop = { caFiles: [join(folder, 'anchors.pem')] };
  journey = await Journey.start({ clock, timers, attestors: { x509pop } });
});
afterAll(async () => {
  await journey.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What the server says of a chain, whose leaf has `key` where a test does not say otherwise. */
const show = async (chain: readonly Uint8Array[], signer: TestKey = key): Promise<string> => {
  const answer = await attestAs(journey, await popRequest(journey, chain, { signer }));
  return answer.status === 200 ? '200' : `${codeOf(answer)}: ${lastReason(journey)}`;
};

const webKeys = async () => {
  const format = { name: 'ECDSA', namedCurve: 'P-256' };
  const publicKey = await crypto.subtle.importKey('spki', new Uint8Array(key.spki), format, true, ['verify']);
  const pkcs8 = new Uint8Array(key.privateKey.export({ type: 'pkcs8', format: 'der' }));
  return { publicKey, privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, format, true, ['sign']) };
};
const leafBelow = async (issuer: Foreign, changes: Partial<ForeignPlan> = {}): Promise<Buffer> =>
  (await foreign({ name: 'device', issuer, keys: await webKeys(), ...changes })).der;

const SUBTREES = Buffer.from('3010a00e300c820a6578616d706c652e636f', 'hex');
const constrained = (critical: boolean) => new Extension('2.5.29.30', critical, SUBTREES);

test('a good chain is taken, so that what follows is refused for what it is', async () => {
  expect(await show([await leafBelow(root)])).toBe('200');
  const between = await foreign({ name: 'between', ca: true, issuer: root });
  expect(await show([await leafBelow(between), between.der])).toBe('200');
});

describe('keys', () => {
  const rsaLeaf = async (bytes: number): Promise<Buffer> => {
    const n = Buffer.alloc(bytes, 0xff).toString('base64url');
    const spki = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    const huge = { ...newKey(), type: 'rsa' as const, spki: spki.export({ type: 'spki', format: 'der' }) };
    return issueLeaf(ours, leafPlan(ours, huge));
  };

  test.each([
    ['1,024 bits', 128],
    ['4,104 bits', 513],
    ['16,384 bits', 2048],
    ['56,000 bits', 7000],
  ])('RSA of %s', async (_what, bytes) => {
    const started = performance.now();
    expect(await show([await rsaLeaf(bytes)])).toMatch(
      /^403 attestation_refused: .*RSA key that is too short or too long/,
    );
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('an intermediate with a huge one', async () => {
    const n = Buffer.alloc(2048, 0xff).toString('base64url');
    const spki = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    const huge = { ...newKey(), spki: spki.export({ type: 'spki', format: 'der' }) };
    const { certificate } = await newCa(ours, huge);
    const leaf = await issueLeaf({ key: newKey(), certificate }, leafPlan({ key: newKey(), certificate }, key));
    expect(await show([leaf, certificate.der])).toMatch(/RSA key that is too short or too long/);
  });
});

describe('lengths', () => {
  test('more certificates than are looked at', async () => {
    const chain = Array.from({ length: 6 }, () => root.der);
    expect(await show([await leafBelow(root), ...chain])).toMatch(/chain does not have the form/);
  });

  test('five in a row, so that their root is the sixth', async () => {
    let issuer = root;
    const cas: Buffer[] = [];
    for (let at = 0; at < 4; at += 1) {
      issuer = await foreign({ name: `deep-${at}`, ca: true, issuer });
      cas.unshift(issuer.der);
    }
    expect(await show([await leafBelow(issuer), ...cas])).toMatch(/more than 5 certificates/);
  });

  test('an issuer that may have no CA below it', async () => {
    const below = await foreign({ name: 'below', ca: true, issuer: narrow });
    expect(await show([await leafBelow(below), below.der])).toMatch(/longer than its issuer allows/);
    expect(await show([await leafBelow(narrow)])).toBe('200');
  });

  test('a path length that a CA below gives itself', async () => {
    const short = await foreign({ name: 'short', ca: true, issuer: root, pathLength: 0 });
    const wide = await foreign({ name: 'wide', ca: true, issuer: short, pathLength: 5 });
    expect(await show([await leafBelow(wide), wide.der, short.der])).toMatch(/longer than its issuer allows/);
  });

  test('issuers of one name by the handful', async () => {
    const same = await Promise.all(
      [1, 2, 3, 4].map(() => foreign({ name: 'between', ca: true, issuer: root, keyIds: false })),
    );
    const lost = await foreign({ name: 'between', ca: true, keyIds: false });
    const leaf = await leafBelow(lost, { keyIds: false });
    expect(await show([leaf, ...same.map(({ der }) => der)])).toMatch(/^403 attestation_refused/);
  });
});

describe('constraints', () => {
  test.each([true, false])('a CA with name constraints, critical: %s, is no way in', async (critical) => {
    const limited = await foreign({ name: 'limited', ca: true, issuer: root, more: [constrained(critical)] });
    expect(await show([await leafBelow(limited), limited.der])).toMatch(/name constraints/);
  });

  test('nor is a leaf that carries them', async () => {
    expect(await show([await leafBelow(root, { more: [constrained(true)] })])).toMatch(/name constraints/);
  });

  test.each<[string, Partial<ForeignPlan>, RegExp]>([
    ['without CA: true', { ca: false }, /not a CA/],
    ['without keyCertSign', { ca: true, usage: KeyUsageFlags.digitalSignature }, /without keyCertSign/],
    ['without any usage', { ca: true, usage: 'none' }, /without keyCertSign/],
    ['that has ended', { ca: true, notAfter: NOW - 60 }, /expired/],
    [
      'with an unknown critical extension',
      { ca: true, more: [new Extension('1.2.3.4', true, Buffer.of(5, 0))] },
      /1\.2\.3\.4/,
    ],
  ])('an issuer %s', async (_what, plan, reason) => {
    const issuer = await foreign({ name: 'issuer', issuer: root, ...plan });
    expect(await show([await leafBelow(issuer), issuer.der])).toMatch(reason);
  });

  test.each<[string, Partial<ForeignPlan>, RegExp]>([
    ['that is a CA', { ca: true }, /CA certificate in place of a leaf/],
    ['that may sign certificates', { usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign }, /may sign/],
    ['with an unknown critical extension', { more: [new Extension('1.2.3.4', true, Buffer.of(5, 0))] }, /1\.2\.3\.4/],
    ['that has ended', { notAfter: NOW - 60 }, /expired/],
  ])('a leaf %s', async (_what, plan, reason) => {
    expect(await show([await leafBelow(root, plan)])).toMatch(reason);
  });
});

test('a leaf of ours, and the roots that everybody trusts, are no node certificates', async () => {
  await journey.entry('job');
  const held = await journey.attest({ entry: 'job' });
  expect(await show(held.chain, held.key)).toMatch(/no path/);
  const everybody = await foreign({ name: 'a public root', ca: true });
  expect(await show([await leafBelow(everybody), everybody.der])).toMatch(/no path/);
});

test('nothing of all that was an error of ours', () => {
  expect(journey.log.lines.filter(({ message }) => message === 'a request failed')).toEqual([]);
});
