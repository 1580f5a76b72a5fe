import { generateKeyPairSync } from 'node:crypto';
import { instant } from '../../src/domain/instant.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import { type CaCertificate, readCaCertificate } from '../../src/formats/ca-certificate.ts';
import { issuingCaProblems, rootProblems } from '../../src/verify/ca-certificate.ts';
import { foreign, type Foreign, type ForeignPlan } from '../support/foreign-certificates.ts';
import { Extension } from '../support/peculiar-x509.ts';
import { newCa, newKey, NOW, NOW_INSTANT, type TestCa, TRUST_DOMAIN } from '../support/x509.ts';

/** What keeps a certificate from outside from being an authority of ours (X509-30 … X509-38). */

const DAY = 86_400;
const expected = { trustDomain: TRUST_DOMAIN, now: NOW_INSTANT, minLife: DAY };

let ownRoot: TestCa;
let ownIssuing: TestCa;
beforeAll(async () => {
  ownRoot = await newCa();
  ownIssuing = await newCa(ownRoot);
});

const rootFrom = async (plan: Partial<ForeignPlan> = {}): Promise<{ made: Foreign; read: CaCertificate }> => {
  const made = await foreign({ name: 'brought root', ca: true, notAfter: NOW + 30 * DAY, ...plan });
  return { made, read: readCaCertificate(made.der) };
};
const problemsOf = async (plan: Partial<ForeignPlan>): Promise<readonly string[]> =>
  rootProblems((await rootFrom(plan)).read, expected);

const EKU = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2', codeSigning: '1.3.6.1.5.5.7.3.3' };

describe('a root', () => {
  test('of ours, and of another’s tools, may be one', async () => {
    expect(rootProblems(ownRoot.certificate, expected)).toEqual([]);
    expect(await problemsOf({})).toEqual([]);
    expect(await problemsOf({ uris: ['spiffe://example.org'], pathLength: 1 })).toEqual([]);
    expect(await problemsOf({ purposes: [EKU.serverAuth, EKU.clientAuth] })).toEqual([]);
  });

  test.each<[string, Partial<ForeignPlan>, RegExp]>([
    ['of another trust domain', { uris: ['spiffe://other.example'] }, /^it carries the name of something else$/],
    ['of a workload', { uris: ['spiffe://example.org/web'] }, /name of something else/],
    ['of two', { uris: ['spiffe://example.org', 'spiffe://other.example'] }, /name of something else/],
    ['that leaves no room below it', { pathLength: 0 }, /^its path length leaves no room for an issuing CA$/],
    ['for servers alone', { purposes: [EKU.serverAuth] }, /^its extended key usage/],
    ['for code', { purposes: [EKU.codeSigning] }, /^its extended key usage/],
    ['that begins later', { notBefore: NOW + 1 }, /^it is not valid yet$/],
    ['that has ended', { notAfter: NOW }, /^it has expired$/],
    ['that ends too soon', { notAfter: NOW + DAY - 1 }, /^it ends in less than 86400 seconds$/],
    [
      'with an unknown critical extension',
      { more: [new Extension('1.2.3.4', true, Buffer.of(5, 0))] },
      /^it has a critical extension that is not understood: 1\.2\.3\.4$/,
    ],
    [
      'with name constraints',
      { more: [new Extension('2.5.29.30', false, Buffer.from('3010a00e300c820a6578616d706c652e636f', 'hex'))] },
      /^it has name constraints/,
    ],
  ])('%s is none', async (_what, plan, problem) => {
    expect(await problemsOf(plan)).toEqual([expect.stringMatching(problem)]);
  });

  test('an extension that is not critical, and life to the second, do not matter', async () => {
    const plan = { notAfter: NOW + DAY, more: [new Extension('1.2.3.4', false, Buffer.of(5, 0))] };
    expect(await problemsOf(plan)).toEqual([]);
  });

  test('that somebody else signed is none, though its name says so', async () => {
    const { made } = await rootFrom();
    const below = readCaCertificate(
      (await foreign({ name: 'brought root', ca: true, issuer: made, notAfter: NOW + 30 * DAY })).der,
    );
    expect(rootProblems(below, expected)).toEqual(['it is not signed by its own key with ECDSA or RSA and SHA-2']);
    expect(rootProblems(ownIssuing.certificate, expected)).toContainEqual(
      expect.stringMatching(/signed by its own key/),
    );
  });

  test.each([
    ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' }), /neither P-256, P-384 nor RSA/],
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }), /2048 to 4096 bits/],
    ['RSA with e = 3', () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }), /exponent 65537/],
  ])('with a key of %s is none', async (_what, make, problem) => {
    const { publicKey } = make();
    const { certificate } = await newCa(ownRoot, {
      ...newKey(),
      spki: publicKey.export({ type: 'spki', format: 'der' }),
    });
    expect(rootProblems(certificate, expected)).toContainEqual(expect.stringMatching(problem));
  });

  test('every problem is told at once', async () => {
    const all = await problemsOf({ uris: ['spiffe://other.example'], notAfter: NOW, pathLength: 0 });
    expect(all).toHaveLength(3);
  });
});

describe('an issuing CA', () => {
  const judge = (certificate: CaCertificate, more: object = {}) =>
    issuingCaProblems(certificate, ownRoot.certificate, { ...expected, spki: ownIssuing.key.spki, ...more });

  test('that the root signed for our key may be one', () => {
    expect(judge(ownIssuing.certificate)).toEqual([]);
  });

  test('for another key than the one that we asked for', () => {
    expect(judge(ownIssuing.certificate, { spki: newKey().spki })).toEqual(['it is for another key than ours']);
  });

  test('of another root, also one of the same name or key identifier', async () => {
    const stranger = await newCa();
    const below = await newCa(stranger, ownIssuing.key);
    expect(judge(below.certificate)).toEqual(
      expect.arrayContaining([
        'it names another issuer',
        'its authority key identifier is not that of the root',
        'the root has not signed it',
      ]),
    );
    const posing = await newCa({ key: stranger.key, certificate: ownRoot.certificate }, ownIssuing.key);
    expect(judge(posing.certificate)).toEqual(['the root has not signed it']);
  });

  test('that is the root itself', () => {
    expect(judge(ownRoot.certificate, { spki: ownRoot.key.spki })).toContain('it has the same subject as its issuer');
  });

  test('that outlives the root', async () => {
    const long = await newCa(ownRoot, ownIssuing.key, { notAfter: ownRoot.certificate.notAfter + 1 });
    expect(judge(long.certificate)).toEqual(['it outlives the root']);
    const equal = await newCa(ownRoot, ownIssuing.key, { notAfter: ownRoot.certificate.notAfter });
    expect(judge(equal.certificate)).toEqual([]);
  });

  test('whose time is not now, or in another trust domain', () => {
    expect(judge(ownIssuing.certificate, { now: instant((NOW + 30 * DAY) * 1000) })).toEqual(['it has expired']);
    expect(judge(ownIssuing.certificate, { now: instant((NOW - 30 * DAY) * 1000) })).toEqual(['it is not valid yet']);
    expect(judge(ownIssuing.certificate, { trustDomain: parseTrustDomain('other.example') })).toEqual([
      'it carries the name of something else',
    ]);
  });
});
