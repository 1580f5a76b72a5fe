import { hash } from 'node:crypto';
import type { Authority } from '../domain/authority.ts';
import type { CredentialKind } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import { isRecordId, type RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { readCertificate } from '../formats/certificate.ts';
import { parsePem } from '../formats/pem.ts';
import { verifyAccessToken } from '../verify/access-token.ts';
import { parseJws } from '../verify/jws.ts';
import { verifyJwtSvid } from '../verify/jwt-svid.ts';
import { isMediaType, readAudience, readClaims } from '../verify/jwt-claims.ts';
import { readX509Svid, verifyX509Svid } from '../verify/x509-path.ts';
import type { Issuer } from './issuer.ts';
import { verificationKey } from './own-keys.ts';

/** A credential as someone showed it: which one it says it is, and how to find out whether it is. */
export interface Presented {
  readonly kind: CredentialKind;
  readonly id: RecordId;
  /** SHA-256 of the signed bytes, hexadecimal: what the ledger recorded before the signature was made (DEC-3). */
  readonly digest: string;
  readonly audience: readonly string[];
  readonly scope: readonly string[];
  /** Throws a `Refusal` unless `authority` signed it and everything in it holds at `at`. */
  verify(issuer: Pick<Issuer, 'follower' | 'policy'>, authority: Authority, at: Instant): void;
}

const certificatesOf = (issuer: Pick<Issuer, 'follower'>) =>
  issuer.follower
    .authorities('x509-root')
    .flatMap(({ certificate }) =>
      certificate === undefined ? [] : [readCertificate(Buffer.from(certificate, 'base64'))],
    );

const readX509 = (der: Uint8Array): Presented | undefined => {
  const svid = readX509Svid([der]);
  const { serial, tbs } = svid.leaf;
  if (!isRecordId(serial)) return undefined;
  return {
    kind: 'x509-svid',
    id: serial,
    digest: hash('sha256', tbs, 'hex'),
    audience: [],
    scope: [],
    verify: (issuer, authority, now) => {
      if (authority.certificate === undefined) throw new Refusal('invalid_svid', 'the issuer has no certificate');
      const intermediates = [readCertificate(Buffer.from(authority.certificate, 'base64'))];
      verifyX509Svid({
        svid: { ...svid, intermediates },
        rootsOf: (domain) => (domain === issuer.policy.trustDomain ? certificatesOf(issuer) : undefined),
        now,
      });
    },
  };
};

const readToken = (token: string): Presented | undefined => {
  const jws = parseJws(token, { algorithms: ['ES256', 'RS256'] });
  const claims = readClaims(jws);
  const { jti, scope } = claims;
  if (typeof jti !== 'string' || !isRecordId(jti)) return undefined;
  const audience = readAudience(claims);
  const isAccessToken = isMediaType(jws.typ, 'at+jwt');
  return {
    kind: isAccessToken ? 'access-token' : 'jwt-svid',
    id: jti,
    digest: hash('sha256', jws.signingInput, 'hex'),
    audience,
    scope: typeof scope === 'string' ? scope.split(' ') : [],
    verify: ({ policy }, authority, now) => {
      const keys = [verificationKey(authority)];
      if (isAccessToken) {
        const [first = ''] = audience;
        const issuer = policy.tokenIssuer ?? '';
        verifyAccessToken(token, { issuer, audience: first, keys, presenter: 'unchecked', now });
      } else {
        const bundles = (domain: string) => (domain === policy.trustDomain ? keys : undefined);
        verifyJwtSvid(token, { bundles, audiences: audience, now });
      }
    },
  };
};

const certificateOf = (text: string): Uint8Array | undefined =>
  text.trimStart().startsWith('-----BEGIN ') ? parsePem(text, 'CERTIFICATE')[0] : undefined;

/**
 * Reads a credential in any of its forms: PEM (the first certificate counts) or DER of an X.509-SVID, or a compact JWS. Nothing
 * when it cannot be one of ours, whatever the signature; nothing of it is proven yet.
 */
export const readPresented = (credential: string | Uint8Array): Presented | undefined => {
  try {
    const der = typeof credential === 'string' ? certificateOf(credential) : credential;
    if (der !== undefined) return readX509(der);
    return typeof credential === 'string' ? readToken(credential.trim()) : undefined;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
};
