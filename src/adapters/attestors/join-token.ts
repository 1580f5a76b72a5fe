import { z } from 'zod';
import { evidenceRefused, JOIN_TOKEN } from '../../domain/attestation.ts';
import { unixSeconds } from '../../domain/instant.ts';
import { agentId } from '../../domain/spiffe-id.ts';
import type { TrustDomain } from '../../domain/trust-domain.ts';
import { isJoinToken, joinTokenHash } from '../../formats/join-token.ts';
import type { AttestationContext, Attestor, Proof } from '../../ports/attestor.ts';
import type { JoinTokenRow, Views } from '../../ports/views.ts';
import { readEvidence } from './evidence.ts';

const EVIDENCE = z.strictObject({ token: z.string().refine(isJoinToken) });

export interface JoinTokenOptions {
  readonly trustDomain: TrustDomain;
  readonly views: Pick<Views, 'joinTokens'>;
}

const liveToken = (row: JoinTokenRow | undefined, { now }: AttestationContext): JoinTokenRow => {
  if (!row) throw evidenceRefused('there is no such join token');
  if (row.voided) throw evidenceRefused(`join token ${row.id} was voided`);
  if (row.expiresAt <= unixSeconds(now)) throw evidenceRefused(`join token ${row.id} has expired`);
  return row;
};

/**
 * `{ token }`: a one-time secret that an operator made (DEC-16). The first key that redeems it has it; the same key may ask
 * again until the token expires, since a lost reply is a retry (DEC-12). Who is first is settled in the ledger.
 */
export const joinTokenAttestor = ({ trustDomain, views }: JoinTokenOptions): Attestor => ({
  type: JOIN_TOKEN,
  challenged: false,
  prove: async (evidence, context): Promise<Proof> => {
    const { token } = readEvidence(EVIDENCE, evidence);
    const hash = joinTokenHash(token);
    const { id, purpose, expiresAt } = liveToken(views.joinTokens.byHash(hash), context);
    const common = {
      selectors: [`${JOIN_TOKEN}:${id}`],
      evidence: hash,
      joinToken: id,
      spends: [{ kind: 'join-token', key: hash, spki: context.spki, until: expiresAt }] as const,
      renewable: true,
    };
    return 'entry' in purpose
      ? { ...common, roles: ['agentless'], entry: purpose.entry }
      : { ...common, roles: ['agent'], agent: purpose.agent ?? agentId(trustDomain, JOIN_TOKEN, id) };
  },
});
