import type { Entry, Grant } from './entry.ts';
import { isScopeToken } from './access-token.ts';
import { Refusal } from './refusal.ts';
import type { Binding, Resource } from './resource.ts';

/** AS-07. */
const MAX_SCOPES = 64;

/** RFC 6749 §3.3: space-delimited, case-sensitive; refuses bad syntax and more than 64 with `invalid_scope` (CC-10). */
export const parseScope = (text: string): readonly string[] => {
  const scopes = [...new Set(text.split(' '))];
  if (scopes.length > MAX_SCOPES || !scopes.every(isScopeToken)) {
    throw new Refusal('invalid_scope', 'the scope parameter is malformed');
  }
  return scopes;
};

/** RFC 8707 §2: an absolute URI without fragment (RS-01), as every registered identifier is: so only others are looked at. */
const checkUnknown = (identifier: string): undefined => {
  if (identifier.includes('#') || !/^[a-z][a-z0-9+.-]*:\S+$/i.test(identifier) || !URL.canParse(identifier)) {
    throw new Refusal('invalid_target', 'a resource is an absolute URI without fragment');
  }
};

const invalidTarget = (reason: string): Refusal =>
  new Refusal('invalid_target', 'the requested resource is unknown or not granted', { reason });

export interface GrantedTarget {
  readonly resource: Resource;
  readonly grant: Grant;
}

/**
 * The one resource that a token is for, and the caller's grant at it (AT-04, RS-02, RS-04). `resource` values are
 * identifiers, `audience` values identifiers or logical names. With none named, it is that of the caller's only grant.
 * Unknown and not granted get the same answer.
 */
export const chooseTarget = (
  entry: Entry,
  asked: { readonly resource: readonly string[]; readonly audience: readonly string[] },
  lookup: { get(identifier: string): Resource | undefined; named(name: string): Resource | undefined },
): GrantedTarget => {
  const found = [
    ...asked.resource.map((identifier) => lookup.get(identifier) ?? checkUnknown(identifier)),
    ...asked.audience.map((name) => lookup.named(name)),
  ];
  if (found.length === 0) {
    if (entry.grants.length !== 1)
      throw invalidTarget('no resource was named, and the entry has not exactly one grant');
    found.push(...entry.grants.map((grant) => lookup.get(grant.resource)));
  }
  const [resource] = found;
  if (found.some((other) => other?.identifier !== resource?.identifier)) {
    throw invalidTarget('a token is for one resource only');
  }
  if (!resource) throw invalidTarget('there is no such resource');
  const grant = entry.grants.find((candidate) => candidate.resource === resource.identifier);
  if (!grant) throw invalidTarget(`the entry has no grant at ${resource.identifier}`);
  return { resource, grant };
};

/**
 * The scopes that the token gets: exactly those asked for, or the grant's defaults when none were (DEC-55). Never
 * narrows in silence: scopes outside the grant are refused by name, unknown and not granted alike (CC-11, RS-03).
 */
export const chooseScopes = (
  { resource, grant }: GrantedTarget,
  asked: readonly string[] | undefined,
): readonly string[] => {
  const scopes = asked ?? grant.defaultScopes;
  if (scopes === undefined || scopes.length === 0) {
    throw new Refusal('invalid_scope', 'name the scopes: the grant has no default');
  }
  const isKnown = (name: string): boolean => resource.scopes.some((scope) => scope.name === name);
  const refused = scopes.filter((scope) => !grant.scopes.includes(scope) || !isKnown(scope));
  if (refused.length > 0) throw new Refusal('invalid_scope', `not granted: ${refused.join(' ')}`);
  return scopes;
};

/** Seconds: the least of the default, the grant's limit and each scope's. */
export const tokenTtl = ({ resource, grant }: GrantedTarget, scopes: readonly string[], defaultTtl: number): number =>
  Math.min(
    defaultTtl,
    grant.maxTtl ?? Infinity,
    ...resource.scopes.filter((scope) => scopes.includes(scope.name)).map((scope) => scope.maxTtl ?? Infinity),
  );

/**
 * How the token is tied to its holder: the first form that the resource prefers and this request can give (DEC-30).
 * Bound unless the grant says `bearer` in writing. Refuses with `invalid_request`.
 */
export const chooseBinding = (
  { resource, grant }: GrantedTarget,
  possible: { readonly mtls: boolean },
): Exclude<Binding, 'dpop'> => {
  for (const binding of resource.bindings) {
    if (binding === 'mtls' && possible.mtls) return 'mtls';
    if (binding === 'bearer' && grant.bearer === true) return 'bearer';
  }
  throw new Refusal(
    'invalid_request',
    'this resource takes tokens bound to a client certificate: use the mTLS endpoint',
    {
      reason: 'no binding that the resource accepts is possible in this request',
    },
  );
};
