import type { Authority, SigningAlgorithm } from '../domain/authority.ts';
import { isPublished } from '../domain/authority-life.ts';
import type { Resource } from '../domain/resource.ts';
import { publishedDocument, type PublishedDocument } from './published-document.ts';

/** Where the two issuers are, from the configuration and never from a request (MD-04). No trailing slash. */
export interface IssuerUrls {
  /** https, without query and fragment (MD-01). */
  readonly public: string;
  /** The listener that asks for client certificates (DEC-49). */
  readonly api: string;
}

/** The issuer of access tokens (DEC-29). */
const tokenIssuerOf = (publicUrl: string): string => `${publicUrl}/oauth2`;

const algorithmsOf = (authorities: readonly Authority[], purpose: Authority['purpose']): SigningAlgorithm[] => [
  ...new Set(
    authorities.filter((each) => each.purpose === purpose && isPublished(each)).map(({ algorithm }) => algorithm),
  ),
];

const json = (document: object): PublishedDocument => publishedDocument(JSON.stringify(document), 'application/json');

/**
 * OpenID Connect discovery for the issuer of JWT-SVIDs, in the subset that verifiers of workload tokens read (MD-09,
 * DEC-32): there is nobody to log in, so no authorization or token endpoint is named.
 */
export const openidConfiguration = (urls: IssuerUrls, authorities: readonly Authority[]): PublishedDocument =>
  json({
    issuer: urls.public,
    jwks_uri: `${urls.public}/keys`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithmsOf(authorities, 'jwt-svid'),
    claims_supported: ['aud', 'exp', 'iat', 'iss', 'jti', 'sub'],
  });

const scopesOf = (resources: readonly Resource[]): string[] =>
  [...new Set(resources.flatMap(({ scopes }) => scopes.map(({ name }) => name)))].toSorted();

/**
 * RFC 8414 metadata of the authorization server (MD-05, MD-07: only what is switched on). The token endpoint stands on the
 * listener that asks for no certificate, its mTLS alias on the other (DEC-49, RFC 8705 §5). `authorization_endpoint` is
 * there because clients do not parse the document without it; that URL only ever refuses (DEC-48).
 */
export const authorizationServerMetadata = (
  urls: IssuerUrls,
  authorities: readonly Authority[],
  resources: readonly Resource[],
): PublishedDocument => {
  const issuer = tokenIssuerOf(urls.public);
  const scopes = scopesOf(resources);
  return json({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: [],
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['spiffe_x509', 'spiffe_jwt'],
    token_endpoint_auth_signing_alg_values_supported: algorithmsOf(authorities, 'jwt-svid'),
    // RFC 8414 §3.2: a member without values is left out.
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: { token_endpoint: `${tokenIssuerOf(urls.api)}/token` },
  });
};
