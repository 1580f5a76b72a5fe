import { joinTokenEvidence } from '../adapters/evidence/join-token.ts';
import { oidcEvidence } from '../adapters/evidence/oidc.ts';
import { x509popEvidence } from '../adapters/evidence/x509pop.ts';
import type { EvidenceSource } from '../ports/evidence.ts';
import type { AgentConfig } from './config.ts';

/** What the node proves itself with, as configured; undefined for one that has an identity already. */
export const evidenceOf = ({ agent: { evidence }, credentials }: AgentConfig): EvidenceSource | undefined => {
  const { joinTokenFile, x509pop, oidcTokenFile } = evidence;
  if (joinTokenFile !== undefined) return joinTokenEvidence({ file: joinTokenFile, credentials });
  if (x509pop !== undefined) {
    return x509popEvidence({ certificateFile: x509pop.certFile, keyFile: x509pop.keyFile, credentials });
  }
  return oidcTokenFile === undefined ? undefined : oidcEvidence({ file: oidcTokenFile });
};
