import { z } from 'zod';
import { evidenceRefused } from '../../domain/attestation.ts';
import { tryDecodeBase64 } from '../../formats/base64url.ts';

/** Octets in standard base64, in its one form. */
export const base64Octets = (maxBytes: number) =>
  z
    .string()
    .min(1)
    .max(Math.ceil(maxBytes / 3) * 4)
    .transform((text, context): Uint8Array => {
      const octets = tryDecodeBase64(text);
      if (octets !== undefined && octets.length <= maxBytes) return octets;
      context.addIssue({ code: 'custom', message: 'not base64, or too long' });
      return z.NEVER;
    });

/** Evidence in the form that `schema` wants. Refuses with `attestation_refused`; the reason names members, never values. */
export const readEvidence = <Schema extends z.ZodType>(schema: Schema, evidence: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(evidence);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const member = issue === undefined || issue.path.length === 0 ? 'the evidence' : issue.path.join('.');
  throw evidenceRefused(`${member} does not have the form of this type of evidence`);
};
