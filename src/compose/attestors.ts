import { readFileSync } from 'node:fs';
import { joinTokenAttestor } from '../adapters/attestors/join-token.ts';
import { nodeKeyAttestor } from '../adapters/attestors/node-key.ts';
import { oidcAttestor, type OidcIssuer } from '../adapters/attestors/oidc.ts';
import { x509popAttestor } from '../adapters/attestors/x509pop.ts';
import { parseJsonObject } from '../formats/json.ts';
import type { Attestor } from '../ports/attestor.ts';
import type { Issuer } from '../usecases/issuer.ts';
import type { Config } from './config.ts';

type ConfiguredIssuer = NonNullable<Config['attestors']['oidc']>['issuers'][number];

const oidcIssuer = (configured: ConfiguredIssuer): OidcIssuer => {
  const { name, url, audiences, claims, multiTenant, ownerClaims, jwksFile, hosts, agents, caFile } = configured;
  return {
    name,
    issuer: url,
    multiTenant,
    agents,
    hosts,
    private: configured.private,
    ...(audiences && { audiences }),
    ...(claims && { claims }),
    ...(ownerClaims && { ownerClaims }),
    ...(jwksFile !== undefined && { keySet: parseJsonObject(readFileSync(jwksFile), { maxBytes: 1024 * 1024 }) }),
    ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
  };
};

/** The OIDC issuers that the configuration names, as the attestor and the rules of entries read them. */
export const oidcIssuers = (config: Config): readonly OidcIssuer[] =>
  (config.attestors.oidc?.issuers ?? []).map(oidcIssuer);

/** Who judges evidence, by its type: join tokens and node keys always, the others where they are configured. */
export const attestorsOf = (
  config: Config,
  issuer: Pick<Issuer, 'policy' | 'views' | 'follower' | 'clock'>,
): ReadonlyMap<string, Attestor> => {
  const { trustDomain } = issuer.policy;
  const { x509pop } = config.attestors;
  const issuers = oidcIssuers(config);
  const attestors: Attestor[] = [
    joinTokenAttestor({ trustDomain, views: issuer.views }),
    nodeKeyAttestor({
      views: issuer.views,
      nodeKeyLife: issuer.policy.nodeKeyLife,
      revocations: () => {
        issuer.follower.refresh();
        return issuer.follower.revocations;
      },
    }),
  ];
  if (x509pop) {
    const authorities = x509pop.caFiles.map((file) => readFileSync(file, 'utf8'));
    attestors.push(x509popAttestor({ trustDomain, authorities }));
  }
  if (issuers.length > 0)
    attestors.push(
      oidcAttestor({ trustDomain, issuers, clock: issuer.clock, forgottenBefore: () => issuer.views.log.reopenedAt() }),
    );
  return new Map(attestors.map((attestor) => [attestor.type, attestor]));
};
