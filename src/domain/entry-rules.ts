import { dnsNameProblem, entryCommonNameProblem } from './certificate-names.ts';
import { ADMIN_ROLES, type AdminGrant, type AdminRole, type EntryFields } from './entry.ts';
import { checkGrants, type FindResource, type GrantsDraft } from './grant-rules.ts';
import { jwtSvidTtlProblem } from './jwt-profile.ts';
import { Problems, isWholeBetween, textProblem, type Checked } from './problems.ts';
import { MAX_SELECTORS, selectorProblem } from './selector.ts';
import { isMember, isReserved, parseOperatorSpiffeId, pathOf, serverId } from './spiffe-id.ts';
import type { SpiffeId } from './spiffe-id.ts';
import { foldAsciiCase, parseOperatorTrustDomain, type TrustDomain } from './trust-domain.ts';
import { x509TtlProblem } from './x509-profile.ts';

/** An entry as an operator wrote it, of the right types but otherwise unproven. Times in seconds. */
export interface EntryDraft extends GrantsDraft {
  readonly spiffeId: string;
  /** The server's own ID when absent: an agentless workload or an agent group. */
  readonly parentId?: string | undefined;
  readonly selectors: readonly string[];
  readonly x509Ttl?: number | undefined;
  readonly jwtTtl?: number | undefined;
  readonly dnsNames?: readonly string[] | undefined;
  readonly commonName?: string | undefined;
  readonly federatesWith?: readonly string[] | undefined;
  readonly hint?: string | undefined;
  readonly admin?: { readonly role: string; readonly prefix: string } | undefined;
  readonly downstream?: boolean | undefined;
  readonly jwtAudiences?: readonly string[] | undefined;
  readonly limits?: { readonly signingsPerSecond?: number | undefined } | undefined;
  readonly owner?: string | undefined;
  readonly expiresAt?: number | undefined;
}

/** What the rules need to know of this server. */
export interface EntryContext {
  readonly trustDomain: TrustDomain;
  /** Patterns of DEC-25. */
  readonly commonNames: readonly string[];
  readonly dnsNames: readonly string[];
  /** Seconds; the default of `x509TtlProblem` when absent. */
  readonly minX509Ttl?: number;
  readonly resource: FindResource;
  /** Says when these selectors would let in strangers: other tenants of a shared OIDC issuer, for one (DEC-17). */
  readonly selectorsProblem: (selectors: readonly string[]) => string | undefined;
}

/** Whoever verifies a JWT-SVID offline does not hear of its revocation, so an entry may ask for an hour at most. */
const MAX_ENTRY_JWT_TTL_SECONDS = 3600;

const MAX_DNS_NAMES = 64;
const MAX_FEDERATIONS = 64;
const MAX_JWT_AUDIENCES = 64;
const MAX_ENTRY_AUDIENCE_BYTES = 512;
const MAX_HINT_BYTES = 1024;
const MAX_OWNER_BYTES = 128;
const MAX_SIGNINGS_PER_SECOND = 10_000;
/** The last second that GeneralizedTime can write: 9999-12-31T23:59:59Z. */
const LAST_SECOND = 253_402_300_799;

const checkMember = (problems: Problems, field: string, text: string, trustDomain: TrustDomain): SpiffeId | undefined =>
  problems.parse(field, () => {
    const id = parseOperatorSpiffeId(text);
    if (isMember(id, trustDomain)) return id;
    problems.add(field, `is not in the trust domain ${trustDomain}`);
    return undefined;
  });

const checkSpiffeId = (problems: Problems, text: string, trustDomain: TrustDomain): SpiffeId | undefined => {
  const id = checkMember(problems, 'spiffeId', text, trustDomain);
  if (id !== undefined && pathOf(id) === '') problems.add('spiffeId', 'the SPIFFE ID of a workload has a path');
  if (id !== undefined && isReserved(id)) problems.add('spiffeId', 'IDs below /mayfly belong to servers and agents');
  return id;
};

const AGENT_PATH = /^\/mayfly\/agent\/[^/]+\/[^/]+$/;

const checkParent = (problems: Problems, text: string | undefined, trustDomain: TrustDomain): SpiffeId | undefined => {
  const server = serverId(trustDomain);
  if (text === undefined) return server;
  const id = checkMember(problems, 'parentId', text, trustDomain);
  if (id === undefined || id === server) return id;
  if (isReserved(id) && !AGENT_PATH.test(pathOf(id))) {
    problems.add('parentId', 'below /mayfly only the server and agents are parents');
  } else if (pathOf(id) === '') {
    problems.add('parentId', 'a parent has a path');
  }
  return id;
};

const checkAdmin = (problems: Problems, draft: EntryDraft, trustDomain: TrustDomain): AdminGrant | undefined => {
  if (draft.admin === undefined) return undefined;
  const { role } = draft.admin;
  if (!ADMIN_ROLES.includes(role as AdminRole)) problems.add('admin.role', `is one of ${ADMIN_ROLES.join(', ')}`);
  const prefix = checkMember(problems, 'admin.prefix', draft.admin.prefix, trustDomain);
  return prefix === undefined ? undefined : { role: role as AdminRole, prefix };
};

const checkNumbers = (problems: Problems, draft: EntryDraft, { minX509Ttl }: EntryContext): void => {
  const { x509Ttl, jwtTtl, limits, expiresAt } = draft;
  if (x509Ttl !== undefined) problems.add('x509Ttl', x509TtlProblem(x509Ttl, minX509Ttl));
  if (jwtTtl !== undefined) problems.add('jwtTtl', jwtSvidTtlProblem(jwtTtl, MAX_ENTRY_JWT_TTL_SECONDS));
  const rate = limits?.signingsPerSecond;
  if (rate !== undefined && !isWholeBetween(rate, 1, MAX_SIGNINGS_PER_SECOND)) {
    problems.add('limits.signingsPerSecond', `is 1 to ${MAX_SIGNINGS_PER_SECOND}`);
  }
  if (expiresAt !== undefined && !isWholeBetween(expiresAt, 1, LAST_SECOND)) {
    problems.add('expiresAt', 'is a time in whole Unix seconds');
  }
};

const checkSelectors = (problems: Problems, draft: EntryDraft, context: EntryContext): readonly string[] => {
  if (draft.selectors.length === 0) problems.add('selectors', 'an entry has at least one selector');
  const selectors = problems.list('selectors', draft.selectors, MAX_SELECTORS, (selector, field) => {
    problems.add(field, selectorProblem(selector));
    return selector;
  });
  problems.add('selectors', context.selectorsProblem(selectors));
  return selectors;
};

const checkDnsNames = (problems: Problems, draft: EntryDraft, context: EntryContext): readonly string[] =>
  problems.list('dnsNames', draft.dnsNames ?? [], MAX_DNS_NAMES, (text, field) => {
    const name = foldAsciiCase(text);
    problems.add(field, dnsNameProblem(name, context.dnsNames));
    return name;
  });

const checkFederations = (problems: Problems, draft: EntryDraft, own: TrustDomain): readonly TrustDomain[] =>
  problems.list('federatesWith', draft.federatesWith ?? [], MAX_FEDERATIONS, (text, field) => {
    const name = problems.parse(field, () => parseOperatorTrustDomain(text.replace(/^spiffe:\/\//i, '')));
    if (name === own) problems.add(field, 'is this trust domain itself');
    return name;
  });

const checkTexts = (problems: Problems, draft: EntryDraft, context: EntryContext): void => {
  if (draft.hint !== undefined) problems.add('hint', textProblem(draft.hint, MAX_HINT_BYTES));
  if (draft.owner !== undefined) problems.add('owner', textProblem(draft.owner, MAX_OWNER_BYTES));
  if (draft.commonName !== undefined) {
    problems.add('commonName', entryCommonNameProblem(draft.commonName, context.commonNames));
  }
};

const checkJwtAudiences = (problems: Problems, draft: EntryDraft): readonly string[] =>
  problems.list('jwtAudiences', draft.jwtAudiences ?? [], MAX_JWT_AUDIENCES, (audience, field) => {
    problems.add(field, textProblem(audience, MAX_ENTRY_AUDIENCE_BYTES));
    return audience;
  });

/** Lists that are sets come out sorted and without duplicates, so that equal entries are equal values. */
export const checkEntry = (draft: EntryDraft, context: EntryContext): Checked<EntryFields> => {
  const { trustDomain } = context;
  const problems = new Problems();
  const spiffeId = checkSpiffeId(problems, draft.spiffeId, trustDomain);
  const parentId = checkParent(problems, draft.parentId, trustDomain);
  if (spiffeId !== undefined && spiffeId === parentId) problems.add('parentId', 'an entry is not its own parent');
  const selectors = checkSelectors(problems, draft, context);
  const dnsNames = checkDnsNames(problems, draft, context);
  const federatesWith = checkFederations(problems, draft, trustDomain);
  const admin = checkAdmin(problems, draft, trustDomain);
  const grants = checkGrants(problems, draft, context.resource);
  const jwtAudiences = checkJwtAudiences(problems, draft);
  checkNumbers(problems, draft, context);
  checkTexts(problems, draft, context);
  if (problems.all.length > 0 || spiffeId === undefined || parentId === undefined) {
    return { ok: false, problems: problems.all };
  }
  const { x509Ttl, jwtTtl, commonName, hint, owner, expiresAt } = draft;
  const signingsPerSecond = draft.limits?.signingsPerSecond;
  return {
    ok: true,
    value: {
      spiffeId,
      parentId,
      selectors,
      ...(x509Ttl !== undefined && { x509Ttl }),
      ...(jwtTtl !== undefined && { jwtTtl }),
      dnsNames,
      ...(commonName !== undefined && { commonName }),
      federatesWith,
      ...(hint !== undefined && { hint }),
      ...(admin !== undefined && { admin }),
      downstream: draft.downstream ?? false,
      grants,
      jwtAudiences,
      ...(signingsPerSecond !== undefined && { limits: { signingsPerSecond } }),
      ...(owner !== undefined && { owner }),
      ...(expiresAt !== undefined && { expiresAt }),
    },
  };
};

const ENTRY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** `/v1/admin/entries/count` is not an entry: one of this id could never be read, changed or deleted again. */
const TAKEN_IDS: ReadonlySet<string> = new Set(['count']);

/** Says what is wrong with an entry id that an operator chose, or nothing. */
export const entryIdProblem = (id: string): string | undefined => {
  if (TAKEN_IDS.has(id)) return `${id} is a path of the API, and no entry id`;
  return ENTRY_ID.test(id)
    ? undefined
    : 'an entry id is 1 to 128 of A-Z, a-z, 0-9, ".", "-" and "_", the first a letter or digit';
};
