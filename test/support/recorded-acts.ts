import type { FactKind } from '../../src/domain/fact.ts';

/** A word that no leaf may hold: it stands in everything below that names somebody or something (TL-15). */
export const CANARY = 'canary';

/** An entry full of it; `more` replaces what it says. */
export const entry = (more: object = {}) => ({
  spiffeId: `spiffe://example.org/${CANARY}-path`,
  selectors: [`${CANARY}:selector`],
  commonName: `${CANARY}-cn`,
  dnsNames: [`host.${CANARY}.example`],
  hint: `${CANARY}-hint`,
  owner: `${CANARY}-owner`,
  ...more,
});

/** A resource full of it. */
export const resource = {
  identifier: `https://${CANARY}.example/`,
  names: [`${CANARY}-name`],
  scopes: [{ name: `${CANARY}-scope` }],
  bindings: ['mtls'],
};
export const resourcePath = `/v1/admin/resources/${encodeURIComponent(resource.identifier)}`;

/** One call, and the facts that it leaves (TL-16). */
export interface Act {
  /** As it stands in the API document. */
  readonly route: string;
  readonly what: string;
  /** What has to be there first; its facts do not count. */
  readonly first?: () => Promise<unknown>;
  readonly act: () => Promise<unknown>;
  readonly leaves: readonly FactKind[];
}

export const act = (
  route: string,
  what: string,
  leaves: readonly FactKind[],
  run: Act['act'],
  first?: Act['first'],
): Act => ({
  route,
  what,
  leaves,
  act: run,
  ...(first && { first }),
});
