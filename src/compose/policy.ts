import type { IssuancePolicy } from '../usecases/issuer.ts';
import type { Config } from './config.ts';

/** The rules of issuance, as configured. `publicUrl` is absent where relying parties have no URL to go by (DEC-29). */
export const issuancePolicy = (config: Config, publicUrl: string | undefined): IssuancePolicy => {
  const { ttl, session, names, backdate, tokens } = config.server;
  return {
    trustDomain: config.trustDomain,
    ...(publicUrl !== undefined && { jwtIssuer: publicUrl, tokenIssuer: `${publicUrl}/oauth2` }),
    x509Ttl: ttl.x509,
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
