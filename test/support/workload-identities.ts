import { parseSpiffeId, trustDomainOf } from '../../src/domain/spiffe-id.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import type { X509LeafPlan } from '../../src/domain/x509-profile.ts';
import { caSubject } from '../../src/formats/ca-certificate.ts';
import { issueLeaf, leafPlan, newCa, newKey, type TestCa, type TestKey } from './x509.ts';

/** Identities that are good now, by the clock of the machine: real TLS looks at no other. */

const HOUR = 3600;
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export interface TestDomain {
  readonly root: TestCa;
  readonly issuing: TestCa;
  /** DER of the root. */
  readonly bundle: Buffer;
}

export const newDomain = async (name = 'example.org'): Promise<TestDomain> => {
  const trustDomain = parseTrustDomain(name);
  const times = { trustDomain, notBefore: nowSeconds() - HOUR, notAfter: nowSeconds() + 24 * HOUR };
  const rootKey = newKey();
  const issuingKey = newKey();
  const root = await newCa(undefined, rootKey, { ...times, subject: caSubject(trustDomain, 'root', 1, name) });
  const issuing = await newCa(root, issuingKey, { ...times, subject: caSubject(trustDomain, 'issuing', 1, name) });
  return { root, issuing, bundle: Buffer.from(root.certificate.der) };
};

export interface TestSvid {
  readonly spiffeId: string;
  readonly key: TestKey;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
}

export const newSvid = async (
  { issuing }: TestDomain,
  spiffeId = 'spiffe://example.org/api',
  changes: Partial<X509LeafPlan> = {},
): Promise<TestSvid> => {
  const key = newKey();
  const id = parseSpiffeId(spiffeId);
  const plan = leafPlan(issuing, key, {
    spiffeId: id,
    subject: { organization: trustDomainOf(id) },
    notBefore: nowSeconds() - 10,
    notAfter: nowSeconds() + HOUR,
    ...changes,
  });
  return { spiffeId, key, chain: [await issueLeaf(issuing, plan), Buffer.from(issuing.certificate.der)] };
};

export const pkcs8 = ({ privateKey }: TestKey): Buffer => privateKey.export({ type: 'pkcs8', format: 'der' });

/** An SVID as the Workload API has it. */
export const svidMessage = ({ spiffeId, key, chain }: TestSvid, { bundle }: TestDomain, hint = '') => ({
  spiffeId,
  x509Svid: Buffer.concat(chain),
  x509SvidKey: pkcs8(key),
  bundle,
  hint,
});

/** A whole message with one SVID. */
export const x509Message = (
  svid: TestSvid,
  domain: TestDomain,
  federatedBundles: Readonly<Record<string, Buffer>> = {},
) => ({ svids: [svidMessage(svid, domain)], federatedBundles });
