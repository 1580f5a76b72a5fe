import { createHash, hash } from 'node:crypto';
import { z } from 'zod';
import { evidenceRefused } from '../../domain/attestation.ts';
import { textProblem } from '../../domain/problems.ts';
import { agentId } from '../../domain/spiffe-id.ts';
import type { TrustDomain } from '../../domain/trust-domain.ts';
import { type Certificate, readCertificate } from '../../formats/certificate.ts';
import { DerError } from '../../formats/der-reader.ts';
import { type NameAttribute, readDistinguishedName } from '../../formats/distinguished-name.ts';
import { parsePem } from '../../formats/pem.ts';
import { possessionMessage } from '../../formats/possession.ts';
import type { Attestor, Proof } from '../../ports/attestor.ts';
import { possessionProblem } from '../../verify/possession.ts';
import {
  type ChainLimits,
  readCertificateChain,
  verifyCertificatePath,
  type VerifiedLeaf,
} from '../../verify/x509-path.ts';
import { base64Octets, readEvidence } from './evidence.ts';

const TYPE = 'x509pop';

/** Looked at before anything is parsed; the path with its anchor counts as well. */
const LIMITS: ChainLimits = { maxCertificates: 5, maxCertificateBytes: 8 * 1024 };

const EVIDENCE = z.strictObject({
  chain: z.array(base64Octets(LIMITS.maxCertificateBytes)).min(1).max(LIMITS.maxCertificates),
  signature: base64Octets(1024),
});

const LEEWAY_SECONDS = 10;

export interface X509popOptions {
  readonly trustDomain: TrustDomain;
  /** PEM of the authorities whose certificates count as proof. */
  readonly authorities: readonly string[];
}

const SUBJECT_PARTS: Readonly<Record<string, string | undefined>> = {
  '2.5.4.3': 'cn',
  '2.5.4.10': 'o',
  '2.5.4.11': 'ou',
};

const subjectAttributes = (leaf: Certificate): readonly NameAttribute[] => {
  try {
    return readDistinguishedName(leaf.subjectName);
  } catch (error) {
    // A subject in an unusual form names nobody; the rest of the certificate still counts.
    if (error instanceof DerError) return [];
    throw error;
  }
};

/** As `openssl x509 -serial` prints it, in lower case. */
const plainSerial = (serial: string): string => serial.replace(/^(?:00)+(?=..)/, '');

const selectorsOf = ({ leaf, path, sha256 }: VerifiedLeaf): readonly string[] => {
  const subject = subjectAttributes(leaf).flatMap(({ type, text }) => {
    const part = SUBJECT_PARTS[type];
    return part === undefined ? [] : [`subject:${part}:${text}`];
  });
  const { dnsNames = [], uris = [] } = leaf.alternativeNames ?? {};
  const all = [
    ...subject,
    ...path.slice(1).map(({ der }) => `ca:fingerprint:${hash('sha256', der, 'hex')}`),
    `fingerprint:${sha256}`,
    `serialnumber:${plainSerial(leaf.serial)}`,
    ...dnsNames.map((name) => `san:dns:${name}`),
    ...uris.map((uri) => `san:uri:${Buffer.from(uri).toString('latin1')}`),
  ];
  const usable = all.filter((selector) => textProblem(selector, 1024) === undefined);
  return [...new Set(usable.map((selector) => `${TYPE}:${selector}`))].sort();
};

/**
 * `{ chain, signature }`: a certificate of an authority that the operator trusts, leaf first, and a signature by its key over
 * nonce ‖ SHA-256(CSR) (DEC-15). How long chain and keys are is looked at before any signature. Throws for authorities that
 * do not parse.
 */
export const x509popAttestor = ({ trustDomain, authorities }: X509popOptions): Attestor => {
  const anchors = authorities.flatMap((pem) => parsePem(pem, 'CERTIFICATE').map(readCertificate));
  return {
    type: TYPE,
    challenged: true,
    prove: async (evidence, { csrDigest, nonce, now }): Promise<Proof> => {
      const { chain, signature } = readEvidence(EVIDENCE, evidence);
      const presented = readCertificateChain(chain, LIMITS);
      const verified = verifyCertificatePath({ chain: presented, anchors, now, leewaySeconds: LEEWAY_SECONDS });
      const message = possessionMessage(csrDigest, nonce);
      const problem = possessionProblem(verified.spki, message, signature);
      if (problem !== undefined) throw evidenceRefused(`certificate key: ${problem}`);
      return {
        selectors: selectorsOf(verified),
        evidence: createHash('sha256').update(verified.leaf.der).update(message).update(signature).digest('hex'),
        roles: ['agent', 'agentless'],
        agent: agentId(trustDomain, TYPE, verified.sha256),
        spends: [],
        renewable: true,
      };
    },
  };
};
