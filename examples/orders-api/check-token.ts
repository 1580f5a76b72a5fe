import { hash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { askMayfly } from './ask-mayfly.ts';
import type { Validation } from './ask-mayfly.ts';
import { Challenge } from './challenge.ts';
import type { Target } from '../shared/request.ts';

/** What this resource believes, and whom it asks. */
export interface Trust {
  /** The issuer of access tokens. */
  readonly issuer: string;
  readonly keys: JWTVerifyGetKey;
  /** The identifier of this resource. */
  readonly audience: string;
  /** Mayfly's `api`, with this resource's own SVID. */
  readonly mayfly: Target;
}

export interface Presented {
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
  /** DER of the certificate of the connection. */
  readonly certificate: Uint8Array;
  /** The scope that the operation needs. */
  readonly scope: string;
}

const BEARER = /^Bearer (?<token>[\w.~+/-]+=*)$/i;

const tokenOf = ({ authorization, scope }: Presented): string => {
  const token = BEARER.exec(authorization ?? '')?.groups?.['token'];
  if (token === undefined) throw new Challenge(401, undefined, 'a token is required', scope);
  return token;
};

const invalid = (description: string, { scope }: Presented): Challenge =>
  new Challenge(401, 'invalid_token', description, scope);

/** RFC 9068 §4: type, signature, issuer, audience and time. */
const verify = async (token: string, presented: Presented, { keys, issuer, audience }: Trust): Promise<JWTPayload> => {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'client_id', 'exp', 'iat', 'jti'],
    });
    return payload;
  } catch (error) {
    // Anything else is an outage of ours or of the key set, and no fault of the token.
    if (error instanceof errors.JWTExpired) throw invalid('the token has expired', presented);
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) {
      throw invalid('the token is not one for this resource', presented);
    }
    throw error;
  }
};

/** RFC 8705 §3: whoever shows the token holds the key of the certificate that it was given to. */
const checkBinding = ({ cnf }: JWTPayload, presented: Presented): void => {
  const bound = (cnf as { readonly 'x5t#S256'?: unknown } | undefined)?.['x5t#S256'];
  if (bound !== hash('sha256', presented.certificate, 'base64url')) {
    throw invalid('the token is bound to another certificate', presented);
  }
};

const reasonOf = ({ status, reason, since }: Validation): string => {
  const when = since === undefined ? '' : ` since ${new Date(since * 1000).toISOString()}`;
  return `the token is ${status}${when}${reason === undefined ? '' : ` (${reason})`}`;
};

const checkScope = ({ scope }: JWTPayload, presented: Presented): void => {
  const granted = typeof scope === 'string' ? scope.split(' ') : [];
  if (granted.includes(presented.scope)) return;
  throw new Challenge(
    403,
    'insufficient_scope',
    `the token does not have the scope ${presented.scope}`,
    presented.scope,
  );
};

/** Who is calling, if the token is good for this operation here and now; otherwise throws the `Challenge` to answer. */
export const checkToken = async (presented: Presented, trust: Trust): Promise<string> => {
  const token = tokenOf(presented);
  const claims = await verify(token, presented, trust);
  checkBinding(claims, presented);
  const validation = await askMayfly(trust.mayfly, token);
  if (validation.status !== 'valid') throw invalid(reasonOf(validation), presented);
  checkScope(claims, presented);
  return claims.sub ?? '';
};
