import { unixSeconds } from '../domain/instant.ts';
import { isRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { revocationSubject } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialRow } from '../ports/views.ts';
import { verifyJwtSvid } from '../verify/jwt-svid.ts';
import type { Caller } from './authenticate-caller.ts';
import type { Issuer } from './issuer.ts';
import { ownVerificationKeys } from './own-keys.ts';
import { recordDenial, withDecision } from './record-denial.ts';

/** draft-ietf-oauth-spiffe-client-auth §4.1. */
const JWT_SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

/** SJ-02: a JWT-SVID may come again until it ends, so it may not end late. Seconds. */
const MAX_ASSERTION_LIFE = 600;

/** Another server of ours may be ahead by this much (design.md §10). Seconds. */
const LEEWAY = 10;

/** Who asks at an OAuth endpoint: one principal, however it logged in (SA-06). */
export interface OAuthClient {
  readonly spiffeId: SpiffeId;
  readonly method: 'spiffe_x509' | 'spiffe_jwt';
  /** The credential that it showed. */
  readonly row: CredentialRow;
  /** Unix seconds at which that credential ends. */
  readonly notAfter: number;
  /** Base64url SHA-256 of the client certificate of this connection, when it is this client's own (RFC 8705 §3.1). */
  readonly certificateThumbprint?: string;
}

export interface PresentedClient {
  readonly clientId?: string;
  readonly assertionType?: string;
  readonly assertion?: string;
  /** Checks the client certificate of the connection; absent when none was shown. */
  readonly certificate?: () => Promise<Caller>;
  readonly source: string;
}

/** One text for unknown client, wrong key, expired and wrong audience (CC-21); the reason is the operator's. */
const invalidClient = (reason: string): Refusal =>
  new Refusal('invalid_client', 'client authentication failed', { reason });

const thumbprint = (caller: Caller): string => Buffer.from(caller.certificateSha256, 'hex').toString('base64url');

const byCertificate = async (presented: PresentedClient): Promise<OAuthClient> => {
  if (presented.certificate === undefined) throw invalidClient('neither an assertion nor a client certificate');
  if (presented.clientId === undefined) {
    throw new Refusal('invalid_request', 'client_id is required with a client certificate', { field: 'client_id' });
  }
  const caller = await presented.certificate();
  if (presented.clientId !== caller.spiffeId) throw invalidClient('client_id is not the SPIFFE ID of the certificate');
  const { spiffeId, row, notAfter } = caller;
  return { spiffeId, method: 'spiffe_x509', row, notAfter, certificateThumbprint: thumbprint(caller) };
};

const verifyAssertion = (issuer: Issuer, assertion: string) => {
  const audience = issuer.policy.tokenIssuer;
  if (audience === undefined) throw invalidClient('no public URL is configured');
  const verified = verifyJwtSvid(assertion, {
    bundles: (domain) => (domain === issuer.policy.trustDomain ? ownVerificationKeys(issuer, 'jwt-svid') : undefined),
    audiences: [audience],
    now: issuer.clock.now(),
    leewaySeconds: LEEWAY,
  });
  if (verified.audience.length !== 1) throw invalidClient('the assertion has a second audience');
  if (verified.expiresAt - unixSeconds(issuer.clock.now()) > MAX_ASSERTION_LIFE) {
    throw invalidClient('the assertion ends too late');
  }
  return verified;
};

/** The row of one of our own JWT-SVIDs, unless a revocation has ended it. */
const liveRow = (issuer: Issuer, jti: string | undefined): CredentialRow => {
  const row = jti !== undefined && isRecordId(jti) ? issuer.views.credentials.get(jti) : undefined;
  if (!row || row.credential !== 'jwt-svid') throw invalidClient('the assertion is not on record');
  const revocation = issuer.follower.revocations.killing(revocationSubject(row), row.index);
  if (revocation) throw invalidClient(`the assertion was revoked by ${revocation.id}`);
  return row;
};

const byAssertion = async (issuer: Issuer, presented: PresentedClient, assertion: string): Promise<OAuthClient> => {
  const { spiffeId, jti, expiresAt } = verifyAssertion(issuer, assertion);
  const row = liveRow(issuer, jti);
  if (presented.clientId !== undefined && presented.clientId !== spiffeId) {
    throw invalidClient('client_id is not the subject of the assertion');
  }
  const caller = await presented.certificate?.();
  if (caller && caller.spiffeId !== spiffeId) throw invalidClient('the client certificate is of another identity');
  return {
    spiffeId,
    method: 'spiffe_jwt',
    row,
    notAfter: caller ? Math.min(expiresAt, caller.notAfter) : expiresAt,
    ...(caller && { certificateThumbprint: thumbprint(caller) }),
  };
};

const authenticate = (issuer: Issuer, presented: PresentedClient): Promise<OAuthClient> => {
  const { assertion, assertionType } = presented;
  if ((assertion === undefined) !== (assertionType === undefined)) {
    throw new Refusal('invalid_request', 'client_assertion and client_assertion_type come together');
  }
  if (assertion === undefined) return byCertificate(presented);
  if (assertionType !== JWT_SPIFFE_ASSERTION) throw invalidClient('an assertion type that is not supported');
  return byAssertion(issuer, presented, assertion);
};

/**
 * Who the client is (draft-ietf-oauth-spiffe-client-auth-02): a JWT-SVID whose sole audience is our issuer, or the
 * X.509-SVID of the connection with `client_id` naming it. A certificate beside an assertion only binds the token
 * (CC-13). Refuses with `invalid_client`, one text for all causes, or `invalid_request`; each refusal is on record.
 */
export const authenticateClient = async (issuer: Issuer, presented: PresentedClient): Promise<OAuthClient> => {
  try {
    return await authenticate(issuer, presented);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const isClientFault = ['invalid_token', 'unauthenticated', 'revoked'].includes(error.code);
    const refusal = isClientFault ? invalidClient(error.reason ?? error.message) : error;
    // Whoever checked the certificate put it on record already: the same decision, in OAuth's words.
    if (error.decisionId !== undefined) throw withDecision(refusal, error.decisionId);
    throw await recordDenial(issuer, { operation: 'access-token', source: presented.source }, refusal);
  }
};
