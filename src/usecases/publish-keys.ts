import type { Authority } from '../domain/authority.ts';
import { isPublished } from '../domain/authority-life.ts';
import { jwksDocument, publicJwkOfSpki } from '../formats/jwk.ts';
import { publishedDocument, type PublishedDocument } from './published-document.ts';

/** Each issuer has its own key set: `/keys` for JWT-SVIDs, `/oauth2/jwks` for access tokens (DEC-29, JK-04). */
export type KeySetPurpose = 'jwt-svid' | 'access-token';

/** The key set of one issuer: prepared, active and old keys, never a revoked one (JK-02, JK-05 … JK-08). */
export const publishKeys = (authorities: readonly Authority[], purpose: KeySetPurpose): PublishedDocument => {
  const keys = authorities
    .filter((each) => each.purpose === purpose && isPublished(each))
    .map(({ id, algorithm, publicKey }) => ({
      kid: id,
      alg: algorithm,
      jwk: publicJwkOfSpki(Buffer.from(publicKey, 'base64')),
    }));
  return publishedDocument(jwksDocument(keys), 'application/jwk-set+json');
};
