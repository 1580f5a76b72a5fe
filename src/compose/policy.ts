import { MIN_TRIAL_X509_TTL_SECONDS } from '../domain/x509-profile.ts';
import type { IssuancePolicy } from '../usecases/issuer.ts';
import type { Config } from './config.ts';

/** What is not in the configuration. */
export interface PolicySurroundings {
  /** Absent where relying parties have no URL to go by (DEC-29). */
  readonly publicUrl?: string | undefined;
  /** `mayfly dev`: entries may ask for lives so short that rotation can be watched. */
  readonly dev?: boolean;
}

/** The rules of issuance, as configured. */
export const issuancePolicy = (config: Config, { publicUrl, dev = false }: PolicySurroundings = {}): IssuancePolicy => {
  const { ttl, session, names, backdate, tokens } = config.server;
  return {
    trustDomain: config.trustDomain,
    ...(publicUrl !== undefined && { jwtIssuer: publicUrl, tokenIssuer: `${publicUrl}/oauth2` }),
    x509Ttl: ttl.x509,
    ...(dev && { minX509Ttl: MIN_TRIAL_X509_TTL_SECONDS }),
    jwtTtl: ttl.jwt,
    agentTtl: ttl.agent,
    agentlessTtl: ttl.agentless,
    tokenTtl: ttl.token,
    maxSession: session.agentless,
    nodeKeyLife: session.nodeKey,
    backdate,
    commonNames: names.commonNames,
    dnsNames: names.dnsNames,
    rs256: tokens.rs256,
    oidcIssuers: (config.attestors.oidc?.issuers ?? []).map(({ name, multiTenant, ownerClaims }) => ({
      name,
      multiTenant,
      ...(ownerClaims && { ownerClaims }),
    })),
  };
};
