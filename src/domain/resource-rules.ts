import { extraClaimsProblem, isScopeToken } from './access-token.ts';
import { tokenTtlProblem } from './grant-rules.ts';
import { Problems, textProblem, type Checked } from './problems.ts';
import { BINDINGS, type Binding, type Resource, type ResourceFields, type ResourceScope } from './resource.ts';
import { isMember, parseOperatorSpiffeId } from './spiffe-id.ts';
import type { TrustDomain } from './trust-domain.ts';

/** A resource as an operator wrote it. Times in seconds. */
export interface ResourceDraft {
  readonly identifier: string;
  readonly names?: readonly string[] | undefined;
  readonly owners?: readonly string[] | undefined;
  readonly scopes: readonly { readonly name: string; readonly maxTtl?: number | undefined }[];
  /** `dpop` and `mtls` when absent: tokens are bound unless someone writes otherwise (DEC-30). */
  readonly bindings?: readonly string[] | undefined;
  readonly algorithm?: string | undefined;
  readonly claims?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly owner?: string | undefined;
}

export interface ResourceContext {
  readonly trustDomain: TrustDomain;
  /** By identifier or logical name: a name leads to one resource. */
  readonly named: (name: string) => Resource | undefined;
  /** There are keys for RS256 beside those for ES256. */
  readonly rs256?: boolean;
}

const MAX_IDENTIFIER_BYTES = 1024;
const MAX_NAMES = 16;
const MAX_OWNERS = 64;
const MAX_SCOPES = 256;
const MAX_SCOPE_BYTES = 128;
const MAX_CLAIMS = 32;
const MAX_CLAIM_BYTES = 512;
const MAX_OWNER_BYTES = 128;

/** RFC 3986 §4.3: scheme, colon, then only characters of a URI; `#` is not among them (RFC 8707 §2). */
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const CLAIM = /^[A-Za-z0-9_.:/-]{1,128}$/;

/** Further names that verifiers read a meaning of their own into: OpenID Connect and transaction tokens. */
const FOREIGN_CLAIMS: ReadonlySet<string> = new Set(['nonce', 'at_hash', 'c_hash', 'toe', 'sub_id']);

/** Says what is wrong with a resource's identifier, or nothing. It is compared as bytes, so nothing is normalised. */
const resourceIdentifierProblem = (identifier: string): string | undefined => {
  if (Buffer.byteLength(identifier) > MAX_IDENTIFIER_BYTES) return `has at most ${MAX_IDENTIFIER_BYTES} bytes`;
  if (identifier.includes('#')) return 'a resource identifier has no fragment';
  return ABSOLUTE_URI.test(identifier) ? undefined : 'a resource identifier is an absolute URI';
};

const checkNames = (problems: Problems, draft: ResourceDraft, context: ResourceContext): readonly string[] =>
  problems.list('names', draft.names ?? [], MAX_NAMES, (name, field) => {
    if (!NAME.test(name)) problems.add(field, 'a name is 1 to 128 of A-Z, a-z, 0-9, ".", "-" and "_"');
    const holder = context.named(name);
    if (holder !== undefined && holder.identifier !== draft.identifier) {
      problems.add(field, `belongs to the resource ${holder.identifier}`);
    }
    return name;
  });

const checkOwners = (problems: Problems, draft: ResourceDraft, trustDomain: TrustDomain): ResourceFields['owners'] =>
  problems.list('owners', draft.owners ?? [], MAX_OWNERS, (text, field) =>
    problems.parse(field, () => {
      const id = parseOperatorSpiffeId(text);
      if (!isMember(id, trustDomain)) problems.add(field, `is not in the trust domain ${trustDomain}`);
      return id;
    }),
  );

const checkScopes = (problems: Problems, draft: ResourceDraft): readonly ResourceScope[] => {
  if (draft.scopes.length === 0) problems.add('scopes', 'a resource defines at least one scope');
  if (draft.scopes.length > MAX_SCOPES) problems.add('scopes', `holds at most ${MAX_SCOPES} scopes`);
  const seen = new Set<string>();
  const scopes = draft.scopes.slice(0, MAX_SCOPES).map(({ name, maxTtl }, at): ResourceScope => {
    const field = `scopes[${at}]`;
    if (!isScopeToken(name) || name.length > MAX_SCOPE_BYTES) {
      problems.add(
        `${field}.name`,
        `a scope is 1 to ${MAX_SCOPE_BYTES} printable ASCII characters without space, " and \\`,
      );
    }
    if (seen.has(name)) problems.add(`${field}.name`, 'is defined twice');
    seen.add(name);
    if (maxTtl !== undefined) problems.add(`${field}.maxTtl`, tokenTtlProblem(maxTtl));
    return maxTtl === undefined ? { name } : { name, maxTtl };
  });
  return scopes.sort((a, b) => (a.name < b.name ? -1 : 1));
};

/** In the order given, which is the order of preference. */
const checkBindings = (problems: Problems, draft: ResourceDraft): readonly Binding[] => {
  const bindings = draft.bindings ?? ['dpop', 'mtls'];
  if (bindings.length === 0) problems.add('bindings', 'a resource accepts at least one binding');
  bindings.forEach((binding, at) => {
    if (!BINDINGS.includes(binding as Binding)) problems.add(`bindings[${at}]`, `is one of ${BINDINGS.join(', ')}`);
    if (bindings.indexOf(binding) !== at) problems.add(`bindings[${at}]`, 'is named twice');
  });
  return bindings as readonly Binding[];
};

const claimProblem = (name: string, value: string | number | boolean): string | undefined => {
  if (!CLAIM.test(name)) return 'a claim name is 1 to 128 of A-Z, a-z, 0-9, "_", ".", ":", "/" and "-"';
  if (FOREIGN_CLAIMS.has(name)) return 'is a registered claim, which a resource may not set';
  const problem = extraClaimsProblem({ [name]: value });
  if (problem !== undefined) return problem;
  if (typeof value === 'string') return value === '' ? undefined : textProblem(value, MAX_CLAIM_BYTES);
  return typeof value === 'number' && !Number.isSafeInteger(value) ? 'a number is whole and within 2^53' : undefined;
};

const checkClaims = (problems: Problems, draft: ResourceDraft): ResourceFields['claims'] => {
  const claims = Object.entries(draft.claims ?? {});
  if (claims.length > MAX_CLAIMS) problems.add('claims', `holds at most ${MAX_CLAIMS} claims`);
  for (const [name, value] of claims) problems.add(`claims.${name}`, claimProblem(name, value));
  return Object.fromEntries(claims.sort(([a], [b]) => (a < b ? -1 : 1)));
};

const algorithmProblem = (algorithm: string, { rs256 = false }: ResourceContext): string | undefined => {
  if (algorithm !== 'ES256' && algorithm !== 'RS256') return 'is ES256 or RS256';
  if (algorithm === 'ES256' || rs256) return undefined;
  return 'RS256 is not switched on at this server (server.tokens.rs256)';
};

/** The rules of DEC-47 for a resource that an operator writes: the resource as it will be recorded, or all problems. */
export const checkResource = (draft: ResourceDraft, context: ResourceContext): Checked<ResourceFields> => {
  const problems = new Problems();
  const { identifier, owner, algorithm = 'ES256' } = draft;
  problems.add('identifier', resourceIdentifierProblem(identifier));
  const names = checkNames(problems, draft, context);
  const owners = checkOwners(problems, draft, context.trustDomain);
  const scopes = checkScopes(problems, draft);
  const bindings = checkBindings(problems, draft);
  const claims = checkClaims(problems, draft);
  problems.add('algorithm', algorithmProblem(algorithm, context));
  if (owner !== undefined) problems.add('owner', textProblem(owner, MAX_OWNER_BYTES));
  if (problems.all.length > 0) return { ok: false, problems: problems.all };
  return {
    ok: true,
    value: {
      identifier,
      names,
      owners,
      scopes,
      bindings,
      algorithm: algorithm === 'RS256' ? 'RS256' : 'ES256',
      claims,
      ...(owner !== undefined && { owner }),
    },
  };
};
