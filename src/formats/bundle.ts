import { X509Certificate } from 'node:crypto';
import type { KeyId } from '../domain/authority.ts';
import { certificateThumbprint } from './certificate-hash.ts';
import { publicJwk, type PublicJwk } from './jwk.ts';

export interface BundleJwtKey {
  readonly kid: KeyId;
  readonly jwk: PublicJwk;
}

/** What a trust domain publishes: who may sign for it. */
export interface BundleContent {
  /** DER of the root certificates. */
  readonly x509Authorities: readonly Uint8Array[];
  readonly jwtKeys: readonly BundleJwtKey[];
  /** Grows with every change of content (TDB-2). */
  readonly sequence: bigint | number;
  /** Whole seconds; left out where a bundle stands inside a map (TDB-32). */
  readonly refreshHint?: number;
}

/** TDB-13: readers exist that drop the whole document over any other type. */
const checkKeyType = (jwk: PublicJwk): PublicJwk => {
  if (jwk.kty === 'OKP') throw new RangeError('a published bundle holds RSA and EC keys only');
  return jwk;
};

/** X509-70 … X509-73: the certificate alone in `x5c`, its key in the key members, no `kid`. */
const x509Entry = (der: Uint8Array): object => ({
  use: 'x509-svid',
  ...checkKeyType(publicJwk(new X509Certificate(der).publicKey)),
  x5c: [Buffer.from(der).toString('base64')],
});

/** JWT-42 */
const jwtEntry = ({ kid, jwk }: BundleJwtKey): object => ({ use: 'jwt-svid', kid, ...checkKeyType(jwk) });

const checkUnique = (names: readonly string[], what: string): void => {
  if (new Set(names).size !== names.length) throw new RangeError(`${what} stands twice in a bundle`);
};

/**
 * The JSON text of a SPIFFE bundle (SPIFFE Trust Domain and Bundle §4): no member beyond those of the standard (TDB-9).
 * Throws RangeError for a key type that readers cannot take (TDB-13), for an authority or `kid` that stands twice, and
 * for a sequence or hint that is not a whole number.
 */
export const bundleDocument = (content: BundleContent): string => {
  const { refreshHint } = content;
  checkUnique(content.x509Authorities.map(certificateThumbprint), 'an authority');
  checkUnique(
    content.jwtKeys.map(({ kid }) => kid),
    'a kid',
  );
  const keys = [...content.x509Authorities.map(x509Entry), ...content.jwtKeys.map(jwtEntry)];
  const sequence = BigInt(content.sequence);
  if (sequence < 0n) throw new RangeError('a sequence is not negative');
  if (refreshHint !== undefined && !(Number.isSafeInteger(refreshHint) && refreshHint >= 0)) {
    throw new RangeError('a refresh hint is a whole number of seconds');
  }
  // Written by hand because JSON.stringify knows no bigint.
  const hint = refreshHint === undefined ? '' : `,"spiffe_refresh_hint":${refreshHint}`;
  return `{"keys":${JSON.stringify(keys)},"spiffe_sequence":${sequence}${hint}}`;
};
