import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Certificate } from '../../src/formats/certificate.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { publicKeyPem, readPublicKey } from '../../src/formats/public-key.ts';
import { isSignedBy } from '../../src/verify/certificate-signature.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../support/x509.ts';

interface Vectors {
  readonly testGroups: readonly {
    readonly publicKeyDer?: string;
    readonly publicKeyAsn?: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid' | 'acceptable';
    }[];
  }[];
}

const vectors = (name: string): Vectors =>
  JSON.parse(readFileSync(new URL(`../vectors/wycheproof/${name}.json`, import.meta.url), 'utf8')) as Vectors;

const plain = readCertificate(await issueLeaf(await newCa(), leafPlan(await newCa(), newKey())));

test.each([
  ['ecdsa_secp256r1_sha256_test', 'ecdsa', 'sha256', 400],
  ['ecdsa_secp384r1_sha384_test', 'ecdsa', 'sha384', 400],
  ['rsa_signature_2048_sha256_test', 'rsa', 'sha256', 200],
] as const)('%s', (name, family, hash, atLeast) => {
  let count = 0;
  for (const group of vectors(name).testGroups) {
    const spki = Buffer.from(group.publicKeyDer ?? group.publicKeyAsn ?? '', 'hex');
    expect(readPublicKey(spki).kind).not.toBe('other');
    const key = createPublicKey(publicKeyPem(spki));
    for (const { tcId, msg, sig, result } of group.tests) {
      const certificate: Certificate = {
        ...plain,
        tbs: Buffer.from(msg, 'hex'),
        signature: Buffer.from(sig, 'hex'),
        signatureAlgorithm: { family, hash },
      };
      expect([tcId, isSignedBy(certificate, key)]).toEqual([tcId, result === 'valid']);
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(atLeast);
});

describe('a key that does not fit the algorithm', () => {
  test.each(['p256', 'p384', 'rsa'] as const)('%s', async (type) => {
    const ca = await newCa(undefined, newKey(type === 'rsa' ? 'p256' : 'rsa'));
    const leaf = readCertificate(await issueLeaf(ca, leafPlan(ca, newKey())));
    expect(isSignedBy(leaf, ca.key.publicKey)).toBe(true);
    expect(isSignedBy(leaf, newKey(type).publicKey)).toBe(false);
  });

  test('an algorithm that is not ours', () => {
    expect(isSignedBy({ ...plain, signatureAlgorithm: undefined }, newKey().publicKey)).toBe(false);
  });
});
