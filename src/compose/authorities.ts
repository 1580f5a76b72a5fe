import { readFileSync } from 'node:fs';
import {
  DEFAULT_AUTHORITY_POLICY,
  JWT_ALGORITHMS_WITH_RS256,
  type AuthorityPolicy,
} from '../domain/authority-policy.ts';
import { parsePem } from '../formats/pem.ts';
import type { BroughtRoot } from '../usecases/authority-keeper.ts';
import type { AuthorityManager } from '../usecases/draft-authority-change.ts';
import type { Config } from './config.ts';
import type { BuiltIssuer } from './issuer.ts';

/** The root that the configuration names: its certificate, and the path of its key, which is not read yet. */
export const broughtRoot = ({ server: { root } }: Config): BroughtRoot | undefined => {
  if (root.kind !== 'files' || root.certFile === undefined || root.keyFile === undefined) return undefined;
  const [certificate] = parsePem(readFileSync(root.certFile, 'utf8'), 'CERTIFICATE');
  if (!certificate) throw new Error(`${root.certFile} holds no certificate`);
  return { certificate, keyReference: root.keyFile };
};

const ORIGINS = { generated: 'made', files: 'brought', offline: 'offline' } as const;

/** The policy of authorities, as configured. */
export const authorityPolicy = ({ server: { root, tokens } }: Config): AuthorityPolicy => ({
  ...DEFAULT_AUTHORITY_POLICY,
  root: ORIGINS[root.kind],
  ...(tokens.rs256 && { algorithms: { ...DEFAULT_AUTHORITY_POLICY.algorithms, ...JWT_ALGORITHMS_WITH_RS256 } }),
});

/** What the use cases that manage authorities need, as configured. */
export const authorityKeeper = (config: Config, { issuer, keyStore }: BuiltIssuer): AuthorityManager => {
  const brought = broughtRoot(config);
  return {
    trustDomain: config.trustDomain,
    authorityPolicy: authorityPolicy(config),
    ...(brought && { broughtRoot: brought }),
    clock: issuer.clock,
    entropy: issuer.entropy,
    ledger: issuer.ledger,
    views: issuer.views,
    keyStore,
  };
};
