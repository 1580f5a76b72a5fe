import type { Authority } from '../domain/authority.ts';
import { isPublished } from '../domain/authority-life.ts';
import { KEY_SET_MAX_AGE_SECONDS } from '../domain/authority-policy.ts';
import { bundleDocument } from '../formats/bundle.ts';
import { publicJwkOfSpki } from '../formats/jwk.ts';
import { encodePem } from '../formats/pem.ts';
import { publishedDocument, type PublishedDocument } from './published-document.ts';

/** DEC-24 */
const REFRESH_HINT_SECONDS = KEY_SET_MAX_AGE_SECONDS;

const publishedOf = (authorities: readonly Authority[], purpose: Authority['purpose']): readonly Authority[] =>
  authorities.filter((each) => each.purpose === purpose && isPublished(each));

/** DER of the roots that verifiers trust: prepared, active and old ones, never a revoked one. */
const publishedRoots = (authorities: readonly Authority[]): readonly Uint8Array[] =>
  publishedOf(authorities, 'x509-root').map(({ certificate = '' }) => Buffer.from(certificate, 'base64'));

/**
 * The SPIFFE bundle: roots (X509-70 … X509-73) and JWT-SVID keys (JWT-42), prepared ones too (TDB-14). Keys of access
 * tokens are no part of it. `sequence` belongs to exactly this list of authorities (TDB-2).
 */
export const publishBundle = (authorities: readonly Authority[], sequence: number): PublishedDocument =>
  publishedDocument(
    bundleDocument({
      x509Authorities: publishedRoots(authorities),
      jwtKeys: publishedOf(authorities, 'jwt-svid').map(({ id, publicKey }) => ({
        kid: id,
        jwk: publicJwkOfSpki(Buffer.from(publicKey, 'base64')),
      })),
      sequence,
      refreshHint: REFRESH_HINT_SECONDS,
    }),
    'application/json',
  );

/** The roots alone, as tools that know no SPIFFE read them (`bundleFile`, DEC-33). */
export const bundlePem = (authorities: readonly Authority[]): string =>
  publishedRoots(authorities)
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
