import { Refusal } from '../../src/domain/refusal.ts';
import type { VerificationKey } from '../../src/formats/jwk-import.ts';
import { parseJws, verifyJws, type JwsOptions } from '../../src/verify/jws.ts';
import { OIDC_ALGORITHMS } from '../../src/verify/oidc-token.ts';

/** One part of a compact token. */
export const encodePart = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Why a token is refused, or nothing when one of the keys signed it. Fails on anything but the one public text. */
export const jwsReason = (
  token: string,
  keys: readonly VerificationKey[],
  options: JwsOptions = { algorithms: OIDC_ALGORITHMS },
): string | undefined => {
  try {
    verifyJws(parseJws(token, options), keys);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_token') throw error;
    expect(error.message).toBe('the token is not valid');
    return error.reason;
  }
};
