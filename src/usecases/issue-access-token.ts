import { type Entry, isLiveEntry, revisionOf } from '../domain/entry.ts';
import { planAccessToken } from '../domain/access-token.ts';
import { POLICY_VERSION } from '../domain/fact.ts';
import { newRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { chooseBinding, chooseScopes, chooseTarget, parseScope, tokenTtl } from '../domain/token-request.ts';
import type { OAuthClient } from './authenticate-client.ts';
import type { Issuer } from './issuer.ts';
import { issueItem } from './item-outcome.ts';
import { type IssuedJwt, planJwt } from './jwt-issuance.ts';
import { askedText } from './record-denial.ts';

/** The parameters of a client credentials request (RFC 6749 §4.4.2, RFC 8707 §2), absent ones left out. */
export interface ClientCredentialsRequest {
  readonly scope?: string;
  readonly resource: readonly string[];
  readonly audience: readonly string[];
}

export interface GrantedToken extends IssuedJwt {
  readonly scopes: readonly string[];
  readonly resource: string;
  /** Bound to the client's certificate (RFC 8705 §3). */
  readonly isBound: boolean;
}

const entryOf = (issuer: Issuer, client: OAuthClient): Entry => {
  const entry = client.row.entry === undefined ? undefined : issuer.views.entries.get(client.row.entry);
  const now = issuer.clock.now();
  const refused = (reason: string) => new Refusal('unauthorized_client', 'the client has no grants', { reason });
  if (!entry) throw refused('the client has no entry');
  if (entry.spiffeId !== client.spiffeId || !isLiveEntry(entry, now)) {
    throw refused('the entry of the client has changed or expired');
  }
  // CC-09: a client that may have no token anywhere may not use the grant type.
  if (entry.grants.length === 0) throw refused('the entry of the client has no grants');
  return entry;
};

const decide = async (issuer: Issuer, client: OAuthClient, request: ClientCredentialsRequest) => {
  const tokenIssuer = issuer.policy.tokenIssuer;
  if (tokenIssuer === undefined) throw new Refusal('unavailable', 'no public URL is configured');
  const entry = entryOf(issuer, client);
  const target = chooseTarget(entry, request, issuer.views.resources);
  const scopes = chooseScopes(target, request.scope === undefined ? undefined : parseScope(request.scope));
  const binding = chooseBinding(target, { mtls: client.certificateThumbprint !== undefined });
  const key = await issuer.keys.jwt('access-token', target.resource.algorithm);
  const now = issuer.clock.now();
  const claims = planAccessToken({
    issuer: tokenIssuer,
    subject: client.spiffeId,
    audience: target.resource.identifier,
    scopes,
    extraClaims: target.resource.claims,
    jti: newRecordId(now, issuer.entropy),
    now,
    ttl: tokenTtl(target, scopes, issuer.policy.tokenTtl),
    callerNotAfter: client.notAfter,
    keyNotAfter: key.authority.notAfter,
    ...(binding === 'mtls' &&
      client.certificateThumbprint !== undefined && {
        confirmation: { 'x5t#S256': client.certificateThumbprint },
      }),
  });
  const { resource } = target;
  const plan = planJwt(issuer, 'access-token', key, claims, {
    role: client.row.role,
    entry: entry.id,
    ...(client.row.agent !== undefined && { agent: client.row.agent }),
    ...(client.row.attestation !== undefined && { attestation: client.row.attestation }),
    leans: {
      caller: client.row.id,
      entry: revisionOf(entry),
      resource: { identifier: resource.identifier, revision: resource.revision },
      policy: POLICY_VERSION,
      ...(client.row.agent !== undefined && { agent: client.row.agent }),
    },
    spends: [],
  });
  return {
    issued: plan.issued,
    finish: async (place: Parameters<typeof plan.finish>[0]): Promise<GrantedToken> => ({
      ...(await plan.finish(place)),
      scopes,
      resource: resource.identifier,
      isBound: binding === 'mtls',
    }),
  };
};

/**
 * The client credentials grant: an access token for exactly one resource, with the scopes that were asked for or none,
 * bound to the client's certificate unless the grant makes a written exception. It ends no later than the credential that
 * the client showed (CC-22). Every answer is on record: the token before it is signed, a refusal before it is sent.
 */
export const issueAccessToken = async (
  issuer: Issuer,
  client: OAuthClient,
  request: ClientCredentialsRequest,
  source: string,
): Promise<GrantedToken> => {
  const outcome = await issueItem(
    issuer,
    () => ({
      operation: 'access-token',
      spiffeId: client.spiffeId,
      caller: client.row.id,
      source,
      asked: {
        scope: askedText(request.scope ?? ''),
        resource: askedText([...request.resource, ...request.audience].join(' ')),
      },
    }),
    () => decide(issuer, client, request),
  );
  if ('refusal' in outcome) throw outcome.refusal;
  return outcome.value;
};
