import { z } from 'zod';
import { REVOCATION_REASONS } from '../../../domain/revocation-reason.ts';
import { TARGET_KINDS, type Revocation } from '../../../domain/revocation.ts';
import { time } from './administering.ts';

export const Target = z.strictObject({
  kind: z.enum(TARGET_KINDS),
  value: z
    .string()
    .min(1)
    .max(2048)
    .describe('A SPIFFE ID (identity, prefix, agent), an entry id, or a serial or `jti`.'),
});

export const Reason = z.enum(REVOCATION_REASONS);

export const RevocationAnswer = z.object({
  id: z.string(),
  target: z.object({ kind: z.string(), value: z.string() }),
  predicates: z.array(z.enum(['cutoff', 'block', 'hold', 'lock'])),
  reason: z.string(),
  at: z.iso.datetime(),
  index: z.int().describe('Its place in the ledger.'),
});

export const OutcomeAnswer = z.object({
  revocation: RevocationAnswer,
  recorded: z.boolean().describe('False: an equal one was in force already.'),
});

export const renderRevocation = (revocation: Revocation): object => ({ ...revocation, at: time(revocation.at) });
