import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../src/compose/config.ts';
import { signCompact, type TestKey } from './jwt-keys.ts';
import { testTime } from './journey-time.ts';
import { NOW } from './x509.ts';

type IssuerConfig = NonNullable<Config['attestors']['oidc']>['issuers'][number];

export const issuerUrl = (name: string): string => `https://${name}.example`;

/** An OIDC issuer whose keys the operator keeps in a file: nothing is ever fetched for it. */
export const issuerOnFile = (folder: string, name: string, keys: readonly TestKey[]): IssuerConfig => {
  const jwksFile = join(folder, `${name}.json`);
  const jwks = keys.map(({ verification, kid, alg }) => ({ ...verification.jwk, kid, alg, use: 'sig' }));
  writeFileSync(jwksFile, JSON.stringify({ keys: jwks }));
  return { name, url: issuerUrl(name), multiTenant: false, hosts: [], agents: false, private: false, jwksFile };
};

/** The time at which the tokens below are good. */
export const tokenTime = () => testTime(NOW * 1000);

let tokens = 0;

/** What an honest token of this issuer says; each call gives another. */
export const claimsOf = (issuer: string, more: object = {}) => ({
  iss: issuerUrl(issuer),
  aud: 'spiffe://example.org',
  sub: 'job',
  iat: NOW,
  exp: NOW + 300,
  jti: `on-file-${++tokens}`,
  ...more,
});

export const headerOf = (key: TestKey, more: object = {}) => ({ alg: key.alg, kid: key.kid, typ: 'JWT', ...more });

/** A token as its issuer signs it. */
export const tokenOf = (key: TestKey, issuer: string, more: object = {}): string =>
  signCompact(key, headerOf(key), claimsOf(issuer, more));
