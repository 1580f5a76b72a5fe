import { createHash } from 'node:crypto';
import { z } from 'zod';
import { evidenceRefused } from '../../domain/attestation.ts';
import {
  type ClaimMapping,
  DEFAULT_CLAIMS,
  isSelectorName,
  oidcSelectors,
  type OidcTenancy,
} from '../../domain/oidc-selectors.ts';
import type { Instant } from '../../domain/instant.ts';
import { Refusal } from '../../domain/refusal.ts';
import { agentId } from '../../domain/spiffe-id.ts';
import type { TrustDomain } from '../../domain/trust-domain.ts';
import { importJwks, type VerificationKey } from '../../formats/jwk-import.ts';
import type { JsonObject } from '../../formats/json.ts';
import type { AttestationContext, Attestor, Proof } from '../../ports/attestor.ts';
import type { Clock } from '../../ports/clock.ts';
import { MAX_TOKEN_BYTES, parseJws, type UnverifiedJws } from '../../verify/jws.ts';
import { readAudience, readClaims } from '../../verify/jwt-claims.ts';
import { OIDC_ALGORITHMS, type VerifiedOidcToken, verifyOidcToken } from '../../verify/oidc-token.ts';
import { readEvidence } from './evidence.ts';
import { OidcKeys } from './oidc-keys.ts';

const TYPE = 'oidc';

const EVIDENCE = z.strictObject({ token: z.string().min(1).max(MAX_TOKEN_BYTES) });

const LEEWAY_SECONDS = 30;

/** An issuer whose tokens count as evidence; there are no others. */
export interface OidcIssuer extends OidcTenancy {
  /** `iss` of its tokens, compared as bytes; an https URL unless `keySet` is given. */
  readonly issuer: string;
  /** One of these has to stand in `aud`; `spiffe://<trust domain>` unless told. */
  readonly audiences?: readonly string[];
  /** Which claims become selectors; `DEFAULT_CLAIMS` unless told. */
  readonly claims?: ClaimMapping;
  /** Its tokens may attest agents too. */
  readonly agents?: boolean;
  /** Its JWK Set, instead of discovery. */
  readonly keySet?: JsonObject;
  /** `name` or `name:port`: hosts beside that of `issuer` that its key set may lie on. */
  readonly hosts?: readonly string[];
  /** PEM of the authorities for its TLS certificate; the public ones unless told. */
  readonly ca?: string;
  /** Its hosts may have private addresses. */
  readonly private?: boolean;
}

export interface OidcOptions {
  readonly trustDomain: TrustDomain;
  readonly issuers: readonly OidcIssuer[];
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Which evidence was shown before then may be forgotten (DEC-10); undefined or absent: none is. */
  readonly forgottenBefore?: () => Instant | undefined;
}

interface KeySource {
  for(kid: string | undefined): Promise<readonly VerificationKey[]>;
}

interface KnownIssuer {
  readonly config: OidcIssuer;
  readonly audiences: readonly string[];
  readonly keys: KeySource;
}

const keySource = (config: OidcIssuer, clock: OidcOptions['clock']): KeySource => {
  if (config.keySet) {
    const keys = importJwks(config.keySet);
    return { for: async () => keys };
  }
  const { issuer, hosts = [], ca } = config;
  const rights = { private: config.private ?? false, ...(ca !== undefined && { ca }) };
  return new OidcKeys({ issuer, hosts, rights, clock });
};

const knownIssuer = ({ trustDomain, clock }: OidcOptions, config: OidcIssuer): KnownIssuer => {
  const names = [config.name, ...Object.keys(config.claims ?? {})];
  if (!names.every(isSelectorName)) throw new RangeError('the name of an issuer or claim holds a character it may not');
  return { config, audiences: config.audiences ?? [`spiffe://${trustDomain}`], keys: keySource(config, clock) };
};

/** What the token says of itself: only good for choosing what to check it against. */
interface Unverified {
  readonly jws: UnverifiedJws;
  readonly issuer: string | undefined;
  readonly audience: readonly string[];
}

const asEvidence = <T>(read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw evidenceRefused(`token: ${error.reason ?? error.message}`);
    throw error;
  }
};

const peek = (token: string): Unverified =>
  asEvidence(() => {
    const jws = parseJws(token, { algorithms: OIDC_ALGORITHMS });
    const claims = readClaims(jws);
    const { iss } = claims;
    return { jws, issuer: typeof iss === 'string' ? iss : undefined, audience: readAudience(claims) };
  });

const verifyAgainst = async (
  known: KnownIssuer,
  token: string,
  { jws, audience }: Unverified,
  { now }: AttestationContext,
): Promise<VerifiedOidcToken> => {
  const accepted = known.audiences.find((value) => audience.includes(value));
  if (accepted === undefined) throw evidenceRefused('token: the audience is another');
  const keys = await known.keys.for(jws.kid);
  const { issuer } = known.config;
  return asEvidence(() =>
    verifyOidcToken(token, { issuer, audience: accepted, keys, now, leewaySeconds: LEEWAY_SECONDS }),
  );
};

/** Which key showed it first may be what the store has lost: a newer token costs its holder nothing. */
const refuseForgotten = ({ claims }: VerifiedOidcToken, reopenedAt: Instant | undefined): void => {
  if (reopenedAt === undefined) return;
  const { iat } = claims;
  if (typeof iat === 'number' && iat * 1000 > reopenedAt) return;
  throw evidenceRefused('token: it is from before the store was brought back');
};

/**
 * A token is remembered for as long as it could come again, the leeway included. `exp` is its issuer's: with a fraction it is
 * as good as without one, and so is one that no record can hold (RFC 7519 §2).
 */
const rememberedUntil = (expiresAt: number): number =>
  Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(expiresAt) + LEEWAY_SECONDS + 1);

const proofOf = (
  { config }: KnownIssuer,
  verified: VerifiedOidcToken,
  trustDomain: TrustDomain,
  { spki }: AttestationContext,
): Proof => {
  const evidence = Buffer.from(verified.digest, 'base64url').toString('hex');
  const who = createHash('sha256').update(`${config.issuer}\0${verified.subject}`).digest('hex');
  return {
    selectors: oidcSelectors(config.name, verified.claims, config.claims ?? DEFAULT_CLAIMS),
    evidence,
    roles: config.agents === true ? ['agentless', 'agent'] : ['agentless'],
    agent: agentId(trustDomain, TYPE, who),
    spends: [{ kind: 'evidence', key: evidence, spki, until: rememberedUntil(verified.expiresAt) }],
    renewable: false,
  };
};

/**
 * `{ token }`: an OpenID Connect token that a configured issuer gave to a workload. Its claims become selectors by the
 * issuer's mapping (DEC-17); the token is the first key's that shows it, until it expires (DEC-12). Throws a RangeError for a
 * name with a colon or an issuer that is no https URL.
 */
export const oidcAttestor = (options: OidcOptions): Attestor => {
  const issuers = new Map(options.issuers.map((config) => [config.issuer, knownIssuer(options, config)]));
  return {
    type: TYPE,
    challenged: false,
    prove: async (evidence, context) => {
      const { token } = readEvidence(EVIDENCE, evidence);
      const unverified = peek(token);
      const known = unverified.issuer === undefined ? undefined : issuers.get(unverified.issuer);
      if (!known) throw evidenceRefused('token: the issuer is not configured');
      const verified = await verifyAgainst(known, token, unverified, context);
      refuseForgotten(verified, options.forgottenBefore?.());
      return proofOf(known, verified, options.trustDomain, context);
    },
  };
};
