import { Refusal } from '../../../domain/refusal.ts';
import type { PublishedDocument } from '../../../usecases/published-document.ts';
import type { CurrentDocuments } from '../../../usecases/current-documents.ts';
import { defineRoute, type Answer, type Listener, type Method, type Route, type RouteContext } from '../route.ts';

/** JK-05, DEC-24. An outage of ours shorter than a day must not stop anyone from verifying. */
const cacheControl = (maxAge: number): string =>
  `public, max-age=${maxAge}, stale-while-revalidate=60, stale-if-error=86400`;

/** Comparison for `If-None-Match` is weak and takes a list (RFC 9110 §13.1.2). */
const isHeld = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch !== undefined &&
  (ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((each) => each.trim().replace(/^W\//, '') === etag));

const answer = (context: RouteContext, document: PublishedDocument | undefined): Answer => {
  if (document === undefined) {
    throw new Refusal('not_found', 'this server has no public URL, so that its issuers have no metadata');
  }
  const { body, contentType, etag, maxAge } = document;
  const headers = {
    etag,
    'cache-control': cacheControl(maxAge),
    // Public by nature: pages in a browser may verify tokens too (MD-08).
    'access-control-allow-origin': '*',
  };
  if (isHeld(context.headers['if-none-match'], etag)) return { status: 304, headers };
  return { headers, body, contentType };
};

interface DocumentRoute {
  readonly path: string;
  readonly listeners: readonly Listener[];
  readonly summary: string;
  readonly contentType?: string;
  readonly read: () => PublishedDocument | undefined;
}

const documentRoute = ({ path, listeners, summary, contentType = 'application/json', read }: DocumentRoute): Route =>
  defineRoute({
    method: 'GET',
    path,
    listeners,
    summary,
    access: { kind: 'none' },
    answers: [
      { status: 200, description: 'The document.', contentType },
      { status: 304, description: 'The caller holds the newest one (`If-None-Match`).' },
    ],
    refusals: ['not_found'],
    handle: (context) => answer(context, read()),
  });

const EVERY_METHOD: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * The authorization endpoint that metadata has to name and nobody can use (DEC-48): one answer whatever comes. It reads no
 * parameter, sets no cookie and never redirects.
 */
const authorizeRoutes = (): readonly Route[] =>
  EVERY_METHOD.map((method) =>
    defineRoute({
      method,
      path: '/oauth2/authorize',
      listeners: ['public'],
      summary: 'Always refuses: there is no authorization endpoint',
      access: { kind: 'none' },
      ignoresBody: true,
      errorStyle: 'oauth',
      answers: [],
      refusals: ['unsupported_response_type'],
      handle: () => {
        throw new Refusal('unsupported_response_type', 'there is nobody to ask here: use client_credentials');
      },
    }),
  );

/** What relying parties fetch: bundle, key sets, discovery (DEC-24, DEC-29, DEC-32). */
export const publicDocumentRoutes = (documents: CurrentDocuments): readonly Route[] => [
  documentRoute({
    path: '/bundle',
    listeners: ['api', 'public'],
    summary: 'The SPIFFE bundle of the trust domain',
    read: () => documents.bundle(),
  }),
  documentRoute({
    path: '/keys',
    listeners: ['public'],
    summary: 'The key set of JWT-SVIDs',
    contentType: 'application/jwk-set+json',
    read: () => documents.jwtSvidKeys(),
  }),
  documentRoute({
    path: '/oauth2/jwks',
    listeners: ['public'],
    summary: 'The key set of access tokens',
    contentType: 'application/jwk-set+json',
    read: () => documents.accessTokenKeys(),
  }),
  documentRoute({
    path: '/.well-known/openid-configuration',
    listeners: ['public'],
    summary: 'OpenID Connect discovery of the issuer of JWT-SVIDs',
    read: () => documents.openidConfiguration(),
  }),
  // RFC 8414 §3.1 inserts the well-known part; clients that know only OpenID Connect append it (MD-02).
  documentRoute({
    path: '/.well-known/oauth-authorization-server/oauth2',
    listeners: ['public'],
    summary: 'Metadata of the authorization server',
    read: () => documents.authorizationServer(),
  }),
  documentRoute({
    path: '/oauth2/.well-known/openid-configuration',
    listeners: ['public'],
    summary: 'Metadata of the authorization server, where OpenID Connect clients look for it',
    read: () => documents.authorizationServer(),
  }),
  ...authorizeRoutes(),
];
