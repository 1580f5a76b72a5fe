import { createHash } from 'node:crypto';
import { z } from 'zod';
import { evidenceRefused } from '../../domain/attestation.ts';
import { type Instant, unixSeconds } from '../../domain/instant.ts';
import type { RevocationIndex } from '../../domain/revocation.ts';
import { type SpiffeId, spiffeIdProblem } from '../../domain/spiffe-id.ts';
import { possessionMessage } from '../../formats/possession.ts';
import type { Attestor, Proof } from '../../ports/attestor.ts';
import type { AttestationRow, CredentialReader, Views } from '../../ports/views.ts';
import { possessionProblem } from '../../verify/possession.ts';
import { base64Octets, readEvidence } from './evidence.ts';

const TYPE = 'node_key';

const EVIDENCE = z.strictObject({
  spiffeId: z.string().refine((text) => spiffeIdProblem(text) === undefined),
  signature: base64Octets(1024),
});

export interface NodeKeyOptions {
  readonly views: Pick<Views, 'attestations'> & { readonly credentials: Pick<CredentialReader, 'newestOf'> };
  /** Revocations as the ledger has them now. */
  readonly revocations: () => RevocationIndex;
  /** Seconds that a pinned key counts after the agent was last good (DEC-13). */
  readonly nodeKeyLife: number;
}

type PinnedAttestation = AttestationRow & { readonly nodeKey: string };

/** An agent that kept renewing for months was last good when its newest SVID ended, not when it first attested. */
const isWithinLife = ({ views, nodeKeyLife }: NodeKeyOptions, row: AttestationRow, now: Instant): boolean => {
  const newest = views.credentials.newestOf(row.spiffeId);
  const until = Math.max(row.renewUntil, (newest?.notAfter ?? 0) + nodeKeyLife);
  return unixSeconds(now) < until;
};

/** A cutoff is final for the pinned key too: whoever held the agent's state then may hold it still. */
const revocationProblem = (revocations: RevocationIndex, { spiffeId, index }: AttestationRow): string | undefined => {
  const subject = { spiffeId, agent: spiffeId };
  if (revocations.locking(spiffeId)) return 'renewal of the agent has stopped, since a clone was seen';
  if (revocations.barring(subject)) return 'the agent is banned';
  return revocations.killing(subject, index) ? 'the agent was revoked after its node key was pinned' : undefined;
};

const pinnedAttestation = (options: NodeKeyOptions, spiffeId: SpiffeId, now: Instant): PinnedAttestation => {
  const row = options.views.attestations.newest(spiffeId);
  if (row?.role !== 'agent') throw evidenceRefused('no agent of this SPIFFE ID has attested');
  const { nodeKey } = row;
  if (nodeKey === undefined) throw evidenceRefused('the agent has pinned no node key');
  if (!isWithinLife(options, row, now)) throw evidenceRefused('the node key of the agent has expired');
  const problem = revocationProblem(options.revocations(), row);
  if (problem !== undefined) throw evidenceRefused(problem);
  return { ...row, nodeKey };
};

/**
 * `{ spiffeId, signature }`: an agent whose SVID ended comes back with the key that it pinned when it first attested
 * (DEC-13). What was proven then still holds; the key stays pinned.
 */
export const nodeKeyAttestor = (options: NodeKeyOptions): Attestor => ({
  type: TYPE,
  challenged: true,
  prove: async (evidence, { csrDigest, nonce, now }): Promise<Proof> => {
    const { spiffeId, signature } = readEvidence(EVIDENCE, evidence);
    const pinned = pinnedAttestation(options, spiffeId as SpiffeId, now);
    const message = possessionMessage(csrDigest, nonce);
    const problem = possessionProblem(Buffer.from(pinned.nodeKey, 'base64'), message, signature);
    if (problem !== undefined) throw evidenceRefused(`node key: ${problem}`);
    return {
      selectors: pinned.selectors,
      evidence: createHash('sha256').update(message).update(signature).digest('hex'),
      roles: ['agent'],
      agent: pinned.spiffeId,
      nodeKey: pinned.nodeKey,
      provenAt: pinned.index,
      spends: [],
      renewable: true,
    };
  },
});
