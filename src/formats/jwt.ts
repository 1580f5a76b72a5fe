import type { AccessTokenClaims } from '../domain/access-token.ts';
import type { KeyId, SigningAlgorithm } from '../domain/authority.ts';
import type { JwtSvidClaims } from '../domain/jwt-profile.ts';
import { encodeBase64url } from './base64url.ts';

/** The encoded protected header of the tokens of one kind that one key signs. */
export type JwsHeader = string & { readonly __brand: 'JwsHeader' };

export interface JwtSigningKey {
  readonly keyId: KeyId;
  readonly algorithm: SigningAlgorithm;
}

/** What writes headers of one `typ`: `alg`, `kid` and `typ`, and nothing else (JWT-2, AT-01). It keeps that of the last key. */
const headersOf = (typ: string): ((key: JwtSigningKey) => JwsHeader) => {
  let last: (JwtSigningKey & { readonly header: JwsHeader }) | undefined;
  return ({ keyId, algorithm }) => {
    if (last?.keyId === keyId && last.algorithm === algorithm) return last.header;
    const header = encodeBase64url(JSON.stringify({ alg: algorithm, kid: keyId, typ })) as JwsHeader;
    last = { keyId, algorithm, header };
    return header;
  };
};

/** Always with `kid`, which JWT-SVID §2.2 leaves open but common validators need (JWT-4, JWT-5). */
export const jwtSvidHeader = headersOf('JWT');

/** RFC 9068 §2.1. */
export const accessTokenHeader = headersOf('at+jwt');

/**
 * The octets to be signed, as ASCII text (RFC 7515 §5.1). We write them ourselves because the key may live where no JWT
 * library can reach it. The claims are written in the order in which they stand.
 */
export const jwsSigningInput = (header: JwsHeader, claims: JwtSvidClaims | AccessTokenClaims): string =>
  `${header}.${encodeBase64url(JSON.stringify(claims))}`;

/** The compact token. The signature is what a `Signer` gives: r‖s with ECDSA, PKCS #1 with RSA (RFC 7518 §3). */
export const assembleJws = (signingInput: string, signature: Uint8Array): string =>
  `${signingInput}.${encodeBase64url(signature)}`;
