import type { FactKind } from './fact.ts';

/**
 * Which members of a fact stand in its leaf in clear. All others go into the detail, which the leaf only commits to
 * (TL-15): the leaf holds nothing that names a person, a machine or a workload.
 */
export const CLEAR_MEMBERS: { readonly [K in FactKind]: readonly string[] } = {
  'epoch-opened': ['trustDomain', 'logId', 'epoch', 'previous'],
  'server-started': ['version', 'frontEnds'],
  'server-stopped': [],
  attested: ['id', 'attestor', 'role', 'evidence', 'spki'],
  decided: ['id', 'operation', 'attestation'],
  issued: ['id', 'credential', 'role', 'digest', 'algorithm', 'authority', 'notBefore', 'notAfter'],
  denied: ['id', 'operation', 'code', 'attestor'],
  'denials-aggregated': ['id', 'operation', 'count', 'first', 'last'],
  'entry-created': [],
  'entry-updated': [],
  'entry-deleted': [],
  'resource-created': [],
  'resource-updated': [],
  'resource-deleted': [],
  'join-token-created': ['id', 'expiresAt'],
  revoked: ['id', 'predicates'],
  'revocation-released': ['id'],
  superseded: ['predecessor', 'successor'],
  'agent-purged': ['attestation'],
  'authority-prepared': [],
  'authority-installed': ['id', 'issuer', 'notBefore', 'notAfter'],
  'authority-activated': ['id', 'purpose', 'replaces'],
  'authority-tainted': ['id', 'purpose'],
  'authority-revoked': ['id', 'purpose'],
  'authority-gone': ['id', 'purpose'],
  'keys-resealed': [],
  'details-erased': ['before', 'count'],
};

/**
 * Kinds that change what front ends hold in memory or agents must hear of: each gets a row in the change feed.
 * Issuance, attestation and denials do not.
 */
export const CHANGE_KINDS: ReadonlySet<FactKind> = new Set<FactKind>([
  'entry-created',
  'entry-updated',
  'entry-deleted',
  'resource-created',
  'resource-updated',
  'resource-deleted',
  'revoked',
  'revocation-released',
  'authority-prepared',
  'authority-installed',
  'authority-activated',
  'authority-tainted',
  'authority-revoked',
  'authority-gone',
]);
