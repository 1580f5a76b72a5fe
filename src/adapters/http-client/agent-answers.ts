import { z } from 'zod';
import { spiffeIdProblem } from '../../domain/spiffe-id.ts';
import { OctetsInBase64 } from '../../formats/octets-schema.ts';

/** Answers of the server as an agent reads them. Members that are not named here are left aside (DEC-35). */

const SpiffeId = z.string().refine((text) => spiffeIdProblem(text) === undefined, 'is not a SPIFFE ID');

const Place = z.object({ epoch: z.int().min(0), index: z.int().min(0) });

export const X509Answer = z.object({
  spiffeId: SpiffeId,
  serial: z.string().min(1).max(64),
  chain: z.array(OctetsInBase64).min(1).max(5),
  notBefore: z.int(),
  notAfter: z.int(),
  ledger: Place,
});

export const IdentityAnswer = X509Answer.extend({ role: z.enum(['agent', 'workload']) });

export const JwtAnswer = z.object({
  spiffeId: SpiffeId,
  jti: z.string().min(1).max(64),
  token: z
    .string()
    .min(1)
    .max(64 * 1024),
  issuedAt: z.int(),
  expiresAt: z.int(),
  ledger: Place,
});

const Refused = z.object({
  error: z.object({ code: z.string(), detail: z.string(), decision: z.string().exactOptional() }),
});

export const itemsOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(z.union([Refused, item])) });

export const ChallengeAnswer = z.object({ challenge: OctetsInBase64 });

/** The head goes back as it came. */
export const HelloAnswer = z.object({ head: z.record(z.string(), z.unknown()), resync: z.boolean() });
