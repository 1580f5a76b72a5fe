import { z } from 'zod';
import { Refusal } from '../../../domain/refusal.ts';
import { authenticateClient, type OAuthClient } from '../../../usecases/authenticate-client.ts';
import { type GrantedToken, issueAccessToken } from '../../../usecases/issue-access-token.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { recordDenial } from '../../../usecases/record-denial.ts';
import { type Answer, defineRoute, type Route, type RouteContext } from '../route.ts';

/** AS-07. */
const MAX_ASSERTION = 16 * 1024;
const MAX_TARGETS = 8;

/** Unknown parameters are ignored (CC-04). */
const TokenRequest = z.object({
  grant_type: z.string().max(256).optional(),
  client_id: z.string().max(2048).optional(),
  client_assertion_type: z.string().max(256).optional(),
  client_assertion: z.string().max(MAX_ASSERTION).optional(),
  client_secret: z.string().optional(),
  scope: z.string().max(8192).optional(),
  resource: z.array(z.string().max(2048)).max(MAX_TARGETS).optional(),
  audience: z.array(z.string().max(2048)).max(MAX_TARGETS).optional(),
});

const inBodyOnly = z.never('belongs in the body').optional();

/** A URL ends in logs and histories, so a credential in it is refused; whatever else stands there counts for nothing (CC-02). */
const TokenQuery = z.object({
  client_secret: inBodyOnly,
  client_assertion: inBodyOnly,
  assertion: inBodyOnly,
  subject_token: inBodyOnly,
  actor_token: inBodyOnly,
  token: inBodyOnly,
});

const TokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int().positive(),
  scope: z.string(),
});

const checkGrantType = (grantType: string | undefined): void => {
  if (grantType === undefined) throw new Refusal('invalid_request', 'grant_type is missing', { field: 'grant_type' });
  if (grantType !== 'client_credentials') {
    throw new Refusal('unsupported_grant_type', 'the only grant type here is client_credentials');
  }
};

/** Secrets are not a way in (AS-03), and never more than one way at once (CC-13). Who tries one is on record (P1). */
const checkOneMethod = async (
  issuer: Issuer,
  context: RouteContext,
  body: z.output<typeof TokenRequest>,
): Promise<void> => {
  const hasHeader = context.headers.authorization !== undefined;
  const ways = [hasHeader, body.client_secret !== undefined, body.client_assertion !== undefined];
  if (ways.filter(Boolean).length > 1) {
    throw new Refusal('invalid_request', 'more than one client authentication method');
  }
  if (hasHeader || body.client_secret !== undefined) {
    const refusal = new Refusal('invalid_client', 'client authentication failed', {
      reason: 'a client secret was presented',
    });
    throw await recordDenial(issuer, { operation: 'access-token', source: context.source }, refusal);
  }
};

const clientOf = (issuer: Issuer, context: RouteContext, body: z.output<typeof TokenRequest>) =>
  authenticateClient(issuer, {
    source: context.source,
    ...(body.client_id !== undefined && { clientId: body.client_id }),
    ...(body.client_assertion_type !== undefined && { assertionType: body.client_assertion_type }),
    ...(body.client_assertion !== undefined && { assertion: body.client_assertion }),
    ...(context.certificate !== undefined && { certificate: () => context.caller() }),
  });

/** Takes one token from the client's rate (DEC-21), or refuses with `rate_limited`. */
export type TokenRate = (client: OAuthClient) => void;

const renderToken = (granted: GrantedToken): Answer => ({
  headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
  body: {
    access_token: granted.token,
    token_type: 'Bearer',
    expires_in: granted.expiresAt - granted.issuedAt,
    scope: granted.scopes.join(' '),
  },
});

/** The token endpoint (RFC 6749 §3.2): on `public` for assertions, on `api` also for client certificates (DEC-49). */
export const tokenRoutes = (issuer: Issuer, takeRate: TokenRate): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/oauth2/token',
    listeners: ['api', 'public'],
    summary: 'An access token for one resource',
    description:
      'Client credentials grant. The client shows a JWT-SVID as `client_assertion`, or its X.509-SVID as TLS client certificate (on the mTLS alias) with `client_id`.',
    access: { kind: 'none' },
    query: TokenQuery,
    bodyKind: 'form',
    body: TokenRequest,
    repeatable: ['resource', 'audience'],
    errorStyle: 'oauth',
    answers: [{ status: 200, description: 'The token (RFC 6749 §5.1).', schema: TokenAnswer }],
    refusals: [
      'invalid_client',
      'invalid_scope',
      'invalid_target',
      'unauthorized_client',
      'unsupported_grant_type',
      'rate_limited',
      'busy',
      'unavailable',
    ],
    handle: async (context, { body }) => {
      checkGrantType(body.grant_type);
      await checkOneMethod(issuer, context, body);
      const client = await clientOf(issuer, context, body);
      takeRate(client);
      const wanted = {
        resource: body.resource ?? [],
        audience: body.audience ?? [],
        ...(body.scope !== undefined && { scope: body.scope }),
      };
      return {
        items: 1,
        urgency: 'other',
        make: async (send) => send(renderToken(await issueAccessToken(issuer, client, wanted, context.source))),
      };
    },
  }),
];
