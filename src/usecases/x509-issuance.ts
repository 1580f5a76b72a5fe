import { hash } from 'node:crypto';
import type { Cursor } from '../domain/cursor.ts';
import type { CredentialRole, Issued, Leans, Spend } from '../domain/fact.ts';
import { newRecordId, type RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import { planX509Leaf, type X509LeafPlan } from '../domain/x509-profile.ts';
import type { CertificationRequest } from '../formats/csr.ts';
import { assembleCertificate, leafTbs, x509Signature } from '../formats/x509-leaf.ts';
import { checkX509Leaf } from '../verify/x509-leaf.ts';
import type { Issuer } from './issuer.ts';
import type { Planned } from './planned.ts';
import { checkRelease } from './check-release.ts';
import type { IssuingCa } from './signing-keys.ts';

/** One X.509-SVID to which somebody was found entitled. */
export interface X509Request {
  /** Only the key is taken from the CSR. */
  readonly csr: CertificationRequest;
  readonly spiffeId: SpiffeId;
  readonly role: CredentialRole;
  /** Seconds. */
  readonly ttl: number;
  /** Unix seconds: the SVID ends by then. */
  readonly notAfterLimit?: number;
  readonly commonName?: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly entry?: string;
  readonly agent?: SpiffeId;
  readonly attestation?: RecordId;
  readonly predecessor?: RecordId;
  readonly leans: Omit<Leans, 'authority'>;
  readonly spends: readonly Spend[];
}

export interface IssuedX509 {
  readonly id: RecordId;
  readonly spiffeId: SpiffeId;
  /** DER: the leaf, then the CAs that lead to a root. */
  readonly chain: readonly Uint8Array[];
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Where its intent is on record. */
  readonly ledger: Cursor;
}

const leafPlan = (
  issuer: Pick<Issuer, 'clock' | 'entropy' | 'policy'>,
  request: X509Request,
  ca: IssuingCa,
): X509LeafPlan => {
  const now = issuer.clock.now();
  return planX509Leaf({
    now,
    serial: newRecordId(now, issuer.entropy),
    spiffeId: request.spiffeId,
    spki: request.csr.spki,
    keyType: request.csr.keyType,
    ttl: request.ttl,
    ...(issuer.policy.minX509Ttl !== undefined && { minTtl: issuer.policy.minX509Ttl }),
    backdate: issuer.policy.backdate,
    issuer: {
      nameDer: ca.subjectDer,
      keyId: ca.subjectKeyId,
      algorithm: ca.authority.algorithm,
      notBefore: ca.authority.notBefore,
      notAfter: Math.min(ca.authority.notAfter, request.notAfterLimit ?? Number.MAX_SAFE_INTEGER),
    },
    ...(request.commonName !== undefined && { commonName: request.commonName }),
    ...(request.dnsNames && { dnsNames: request.dnsNames }),
    ...(request.ipAddresses && { ipAddresses: request.ipAddresses }),
  });
};

const intent = (request: X509Request, ca: IssuingCa, plan: X509LeafPlan, digest: string): Issued => ({
  kind: 'issued',
  id: plan.serial,
  credential: 'x509-svid',
  role: request.role,
  spiffeId: request.spiffeId,
  digest,
  algorithm: ca.authority.algorithm,
  authority: ca.authority.id,
  notBefore: plan.notBefore,
  notAfter: plan.notAfter,
  spki: hash('sha256', request.csr.spki, 'hex'),
  ...(request.entry !== undefined && { entry: request.entry }),
  ...(request.agent !== undefined && { agent: request.agent }),
  ...(request.attestation !== undefined && { attestation: request.attestation }),
  ...(request.predecessor !== undefined && { predecessor: request.predecessor }),
  leans: { ...request.leans, authority: ca.authority.id },
  spends: request.spends,
});

/**
 * Plans one X.509-SVID: decides its content, writes the bytes to be signed and the fact that holds their digest. Signs
 * nothing. Refuses as `planX509Leaf` does, and with `unavailable` without an active issuing CA.
 */
export const planX509 = async (
  issuer: Pick<Issuer, 'clock' | 'entropy' | 'policy' | 'keys' | 'follower'>,
  request: X509Request,
): Promise<Planned<IssuedX509>> => {
  const ca = await issuer.keys.issuing();
  const plan = leafPlan(issuer, request, ca);
  const tbs = leafTbs(plan);
  const issued = intent(request, ca, plan, hash('sha256', tbs, 'hex'));
  return {
    issued,
    finish: async (ledger) => {
      const signature = x509Signature(ca.authority.algorithm, await ca.signer.sign(tbs));
      const leaf = assembleCertificate(tbs, ca.authority.algorithm, signature);
      checkX509Leaf(leaf, {
        ...plan,
        digest: issued.digest,
        issuerPublicKey: ca.publicKey,
        issuerValidity: { notBefore: ca.authority.notBefore, notAfter: ca.authority.notAfter },
      });
      checkRelease(issuer, issued, ledger.index);
      const { id, spiffeId, notBefore, notAfter } = issued;
      return { id, spiffeId, chain: [leaf, ...ca.chain], notBefore, notAfter, ledger };
    },
  };
};
