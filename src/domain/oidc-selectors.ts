/** Where a selector's value stands in a token: member names from the top. */
export type ClaimPath = readonly string[];

/** From the name in the selector to the place in the token. */
export type ClaimMapping = Readonly<Record<string, ClaimPath>>;

const topLevel = (...names: readonly string[]): ClaimMapping => Object.fromEntries(names.map((name) => [name, [name]]));

/**
 * What becomes a selector unless the operator says otherwise: what GitHub, GitLab and Kubernetes put into their tokens and
 * what stays the same from one token to the next. Claims that a token does not have give nothing.
 */
export const DEFAULT_CLAIMS: ClaimMapping = {
  ...topLevel('sub', 'azp', 'email', 'email_verified', 'groups'),
  ...topLevel('repository', 'repository_id', 'repository_owner', 'repository_owner_id', 'repository_visibility'),
  ...topLevel('workflow', 'workflow_ref', 'job_workflow_ref', 'event_name', 'runner_environment'),
  ...topLevel('actor', 'actor_id', 'ref', 'ref_type', 'ref_protected', 'environment', 'environment_protected'),
  ...topLevel('namespace_id', 'namespace_path', 'project_id', 'project_path', 'pipeline_source', 'ci_config_ref_uri'),
  ...topLevel('user_id', 'user_login', 'user_email', 'runner_id'),
  'kubernetes.namespace': ['kubernetes.io', 'namespace'],
  'kubernetes.serviceaccount.name': ['kubernetes.io', 'serviceaccount', 'name'],
  'kubernetes.serviceaccount.uid': ['kubernetes.io', 'serviceaccount', 'uid'],
  'kubernetes.pod.name': ['kubernetes.io', 'pod', 'name'],
  'kubernetes.pod.uid': ['kubernetes.io', 'pod', 'uid'],
  'kubernetes.node.name': ['kubernetes.io', 'node', 'name'],
};

/** A value longer than this gives no selector. */
const MAX_VALUE_LENGTH = 1024;
/** Values taken from one array. */
const MAX_VALUES = 100;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const valueAt = (claims: unknown, path: ClaimPath): unknown =>
  path.reduce<unknown>(
    (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    claims,
  );

const texts = (value: unknown): readonly string[] => {
  if (Array.isArray(value)) return value.slice(0, MAX_VALUES).flatMap((one) => (Array.isArray(one) ? [] : texts(one)));
  const isScalar = typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number';
  if (!isScalar && typeof value !== 'bigint') return [];
  const text = String(value);
  return text.length > 0 && text.length <= MAX_VALUE_LENGTH ? [text] : [];
};

/**
 * `oidc:<issuer name>:<claim>:<value>` for each mapped claim (DEC-17): strings, numbers and booleans, and each such member of
 * an array. Objects, empty values and values above 1024 characters give nothing, which can only make fewer entries match.
 * Sorted, without duplicates.
 */
export const oidcSelectors = (issuer: string, claims: unknown, mapping: ClaimMapping): readonly string[] => {
  const selectors = Object.entries(mapping).flatMap(([name, path]) =>
    texts(valueAt(claims, path)).map((text) => `oidc:${issuer}:${name}:${text}`),
  );
  return [...new Set(selectors)].sort();
};

/** Names of issuers and claims stand between colons in a selector. */
const NAME = /^[A-Za-z0-9_./-]{1,128}$/;

export const isSelectorName = (name: string): boolean => NAME.test(name);

/** What a rule about entries needs to know of an issuer. */
export interface OidcTenancy {
  readonly name: string;
  /** Anyone in the world may get a token from it. */
  readonly multiTenant: boolean;
  /** The claims that name a tenant for good; `OWNER_CLAIMS` unless the operator says otherwise. */
  readonly ownerClaims?: readonly string[];
}

/** Ids of owners that are never given to another: GitHub, GitLab, Entra ID. Names can be, so no name is here. */
const OWNER_CLAIMS: readonly string[] = ['repository_owner_id', 'namespace_id', 'tid'];

/**
 * Why an entry with these selectors would also let strangers in, if so (DEC-17): it takes tokens of a multi-tenant issuer
 * without pinning the immutable id of one owner.
 */
export const multiTenantProblem = (
  selectors: readonly string[],
  issuers: readonly OidcTenancy[],
): string | undefined => {
  for (const { name, multiTenant, ownerClaims = OWNER_CLAIMS } of issuers) {
    const prefix = `oidc:${name}:`;
    const named = selectors.filter((selector) => selector.startsWith(prefix));
    if (!multiTenant || named.length === 0) continue;
    const isPinned = ownerClaims.some((claim) =>
      named.some(
        (selector) => selector.startsWith(`${prefix}${claim}:`) && selector.length > prefix.length + claim.length + 1,
      ),
    );
    if (!isPinned) {
      return `anyone can get a token from ${name}: pin the owner's id with one of ${ownerClaims.map((claim) => `${prefix}${claim}:…`).join(', ')}`;
    }
  }
  return undefined;
};
