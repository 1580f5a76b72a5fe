import { z } from 'zod';
import { ask, expectAnswer } from '../shared/request.ts';
import type { Target } from '../shared/request.ts';

const Validation = z.object({
  status: z.enum(['valid', 'revoked', 'expired', 'unknown']),
  reason: z.string().optional(),
  since: z.int().optional(),
  revocation: z.string().optional(),
});
export type Validation = z.output<typeof Validation>;

/**
 * Is this token still good, as the ledger has it at this moment? Mayfly answers because this resource owns the token's
 * audience; it knows that from the client certificate of `mayfly`, the SVID of the resource itself.
 */
export const askMayfly = async (mayfly: Target, token: string): Promise<Validation> => {
  const url = new URL('/v1/validate', mayfly.url).href;
  const answer = await ask({ ...mayfly, url }, { json: { credential: token } });
  return expectAnswer('the question whether a token is still good', answer, 200, Validation);
};
