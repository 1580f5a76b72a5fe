import type { Administrator, EntrySurroundings } from '../domain/administrator.ts';
import { checkEntry, type EntryContext, type EntryDraft } from '../domain/entry-rules.ts';
import type { Entry, EntryFields } from '../domain/entry.ts';
import { type Fact, type Leans, POLICY_VERSION } from '../domain/fact.ts';
import { multiTenantProblem } from '../domain/oidc-selectors.ts';
import { Refusal, problemsRefusal } from '../domain/refusal.ts';
import { canonicalJson, type CanonicalValue } from '../formats/canonical-json.ts';
import type { Issuer } from './issuer.ts';
import { recordOr } from './record-facts.ts';

/** What the use cases that write entries and resources need. */
export type AdminIssuer = Pick<Issuer, 'policy' | 'clock' | 'entropy' | 'ledger' | 'views'>;

/** What an administrator's write leans on (DEC-4). */
export const adminLeans = (admin: Administrator, more: Pick<Leans, 'entry' | 'resource'> = {}): Leans => ({
  ...more,
  ...(admin.credential !== undefined && { caller: admin.credential }),
  ...(admin.rights && { rights: admin.rights }),
  policy: POLICY_VERSION,
});

/** Resolves when the facts are durable, all of them. Refuses as the sequencer did; `precondition_failed` when a record changed. */
export const record = (issuer: Pick<Issuer, 'ledger'>, facts: readonly Fact[]): ReturnType<typeof recordOr> =>
  recordOr('precondition_failed', issuer, facts);

export const entryContext = (issuer: Pick<Issuer, 'policy' | 'views'>): EntryContext => ({
  trustDomain: issuer.policy.trustDomain,
  commonNames: issuer.policy.commonNames,
  ...(issuer.policy.minX509Ttl !== undefined && { minX509Ttl: issuer.policy.minX509Ttl }),
  dnsNames: issuer.policy.dnsNames,
  resource: (identifier) => issuer.views.resources.get(identifier),
  selectorsProblem: (selectors) => multiTenantProblem(selectors, issuer.policy.oidcIssuers ?? []),
});

/** What `requireMayWriteEntry` asks about other records, as they stand. */
export const surroundingsOf = ({ views }: Pick<Issuer, 'views'>): EntrySurroundings => ({
  resource: (identifier) => views.resources.get(identifier),
  administratorsUnder: (parent) => views.entries.administratorsUnder(parent),
});

/** The entry as it will be recorded. Refuses with `invalid_entry` and all problems. */
export const requireEntry = (draft: EntryDraft, context: EntryContext): EntryFields => {
  const checked = checkEntry(draft, context);
  if (!checked.ok) throw problemsRefusal('invalid_entry', checked.problems);
  return checked.value;
};

/** DEC-25: a common name belongs to one SPIFFE ID. Refuses with `conflict`. */
export const requireFreeCommonName = (issuer: Pick<Issuer, 'views'>, fields: EntryFields): void => {
  const { commonName, spiffeId } = fields;
  const holder = commonName === undefined ? undefined : issuer.views.entries.commonNameOwner(commonName);
  if (holder === undefined || holder === spiffeId) return;
  throw new Refusal('conflict', `commonName: belongs to ${holder}`, { field: 'commonName' });
};

/** Another entry with the same SPIFFE ID, parent and selectors, if there is one. */
export const twinOf = (issuer: Pick<Issuer, 'views'>, fields: EntryFields): Entry | undefined => {
  const { spiffeId, parentId, selectors } = fields;
  return issuer.views.entries
    .list({ spiffeId, parentId }, { limit: MAX_TWINS })
    .find((entry) => isSame(entry.selectors, selectors));
};

/** How many entries of one SPIFFE ID under one parent are looked through. */
const MAX_TWINS = 1000;

/** Whether two recorded values are equal, whatever the order of their members. An undefined member is as good as absent. */
export const isSame = (a: unknown, b: unknown): boolean => text(a) === text(b);

const text = (value: unknown): string | undefined =>
  value === undefined ? undefined : canonicalJson(value as CanonicalValue);

/** What an operator wrote of an entry, without what the ledger added. */
export const fieldsOf = (entry: Entry): EntryFields => {
  const { id: _id, revision: _revision, createdAt: _createdAt, updatedAt: _updatedAt, ...fields } = entry;
  return fields;
};

/** Refuses with `precondition_failed` unless the record stands at the revision that the caller saw. */
export const requireRevision = (record: { readonly revision: number }, expected: number | undefined): void => {
  if (expected === undefined || expected === record.revision) return;
  throw new Refusal('precondition_failed', `the record has revision ${record.revision}, not ${expected}`);
};
