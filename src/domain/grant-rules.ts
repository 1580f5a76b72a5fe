import { MAX_ACCESS_TOKEN_TTL_SECONDS, MIN_ACCESS_TOKEN_TTL_SECONDS } from './access-token.ts';
import type { Grant } from './entry.ts';
import { isWholeBetween, type Problems } from './problems.ts';
import type { Resource } from './resource.ts';

/** A grant as written: nothing of it is known to be true yet. */
export interface GrantDraft {
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly defaultScopes?: readonly string[] | undefined;
  readonly maxTtl?: number | undefined;
  readonly bearer?: boolean | undefined;
}

/** Grants, or the short form of one (DEC-47). */
export interface GrantsDraft {
  readonly grants?: readonly GrantDraft[] | undefined;
  readonly audiences?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
}

export type FindResource = (identifier: string) => Resource | undefined;

const MAX_GRANTS = 64;

/** Says what is wrong with the life of an access token in seconds, or nothing. */
export const tokenTtlProblem = (seconds: number): string | undefined =>
  isWholeBetween(seconds, MIN_ACCESS_TOKEN_TTL_SECONDS, MAX_ACCESS_TOKEN_TTL_SECONDS)
    ? undefined
    : `the TTL of an access token is ${MIN_ACCESS_TOKEN_TTL_SECONDS} to ${MAX_ACCESS_TOKEN_TTL_SECONDS} seconds`;

const checkScopes = (problems: Problems, field: string, scopes: readonly string[], resource: Resource): void => {
  const defined = new Set(resource.scopes.map(({ name }) => name));
  scopes.forEach((scope, at) => {
    if (!defined.has(scope)) problems.add(`${field}[${at}]`, `the resource defines no scope ${JSON.stringify(scope)}`);
  });
};

const checkMaxTtl = (problems: Problems, field: string, draft: GrantDraft, resource: Resource): void => {
  if (draft.maxTtl === undefined) return;
  const problem = tokenTtlProblem(draft.maxTtl);
  problems.add(field, problem);
  if (problem !== undefined) return;
  for (const scope of resource.scopes) {
    if (scope.maxTtl === undefined || !draft.scopes.includes(scope.name) || draft.maxTtl <= scope.maxTtl) continue;
    problems.add(field, `the scope ${scope.name} allows at most ${scope.maxTtl} seconds`);
  }
};

/** What each member of a grant is called where the operator wrote it. */
type FieldNames = (member: keyof GrantDraft) => string;

const checkGrant = (problems: Problems, nameOf: FieldNames, draft: GrantDraft, find: FindResource): void => {
  const resource = find(draft.resource);
  if (resource === undefined) {
    problems.add(nameOf('resource'), 'no resource has this identifier');
    return;
  }
  if (draft.scopes.length === 0) problems.add(nameOf('scopes'), 'names no scope');
  checkScopes(problems, nameOf('scopes'), draft.scopes, resource);
  draft.defaultScopes?.forEach((scope, at) => {
    if (!draft.scopes.includes(scope)) problems.add(`${nameOf('defaultScopes')}[${at}]`, 'is not among the scopes');
  });
  checkMaxTtl(problems, nameOf('maxTtl'), draft, resource);
  if (draft.bearer === true && !resource.bindings.includes('bearer')) {
    problems.add(nameOf('bearer'), 'the resource does not accept bearer tokens');
  }
};

const sorted = (values: readonly string[]): readonly string[] => [...new Set(values)].sort();

const grantOf = (draft: GrantDraft): Grant => ({
  resource: draft.resource,
  scopes: sorted(draft.scopes),
  ...(draft.defaultScopes !== undefined &&
    draft.defaultScopes.length > 0 && { defaultScopes: sorted(draft.defaultScopes) }),
  ...(draft.maxTtl !== undefined && { maxTtl: draft.maxTtl }),
  ...(draft.bearer === true && { bearer: true }),
});

/** The short form has no default scopes: a request has to name what it wants. */
const shortForm = (problems: Problems, draft: GrantsDraft): readonly GrantDraft[] => {
  const audiences = draft.audiences ?? [];
  if ((draft.grants ?? []).length > 0) problems.add('audiences', 'give either grants or audiences and scopes');
  const [resource, ...more] = audiences;
  if (resource === undefined || more.length > 0) {
    problems.add('audiences', 'scopes in the short form take exactly one audience; write grants for more');
    return [];
  }
  return [{ resource, scopes: draft.scopes ?? [] }];
};

/**
 * The grants of an entry (DEC-47): known resources, scopes that they define, defaults among the scopes, no TTL above a
 * granted scope's. One grant a resource. Problems go to `problems`; what is returned counts only when there are none.
 */
export const checkGrants = (problems: Problems, draft: GrantsDraft, find: FindResource): readonly Grant[] => {
  const isShort = draft.audiences !== undefined || draft.scopes !== undefined;
  const drafts = isShort ? shortForm(problems, draft) : (draft.grants ?? []);
  if (drafts.length > MAX_GRANTS) {
    problems.add('grants', `holds at most ${MAX_GRANTS} grants`);
    return [];
  }
  const seen = new Set<string>();
  drafts.forEach((grant, at) => {
    const nameOf: FieldNames = (member) =>
      isShort ? (member === 'resource' ? 'audiences' : member) : `grants[${at}].${member}`;
    if (seen.has(grant.resource)) problems.add(nameOf('resource'), 'is granted twice');
    seen.add(grant.resource);
    checkGrant(problems, nameOf, grant, find);
  });
  return drafts.map(grantOf).sort((a, b) => (a.resource < b.resource ? -1 : 1));
};
