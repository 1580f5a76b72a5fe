import { hash } from 'node:crypto';
import { requireEverywhere, requireMayWriteEntry, requireWithin, type Administrator } from '../domain/administrator.ts';
import { checkEntry, entryIdProblem, type EntryDraft } from '../domain/entry-rules.ts';
import type { Entry, EntryFields } from '../domain/entry.ts';
import { Problems } from '../domain/problems.ts';
import { Refusal, refuseProblems } from '../domain/refusal.ts';
import type { ResourceDraft } from '../domain/resource-rules.ts';
import { canonicalJson, type CanonicalValue } from '../formats/canonical-json.ts';
import {
  entryContext,
  fieldsOf,
  isSame,
  requireFreeCommonName,
  surroundingsOf,
  twinOf,
  type Registrar,
} from './admin-write.ts';
import { fieldChanges, type EntryStep, type PlanItem, type ResourceStep } from './apply-steps.ts';
import { planResources, type PlannedResources } from './plan-resources.ts';

/** A file of entries and resources. */
export interface ApplyFile {
  readonly resources?: readonly ResourceDraft[] | undefined;
  readonly entries?: readonly (EntryDraft & { readonly id?: string | undefined })[] | undefined;
  /** Who keeps what the file names, where it does not say so itself. */
  readonly owner?: string | undefined;
  /** Delete what this owner keeps and the file does not name. */
  readonly prune?: boolean | undefined;
}

export interface ApplyPlan {
  readonly items: readonly PlanItem[];
  /** SHA-256 of the plan, hexadecimal: applying names it, so that what is done is what was shown. */
  readonly digest: string;
}

/** A plan with what carries it out. */
export interface PreparedPlan extends ApplyPlan {
  readonly resources: readonly ResourceStep[];
  readonly entries: readonly EntryStep[];
}

const PAGE = 500;

/** Everything that one owner keeps, page by page. */
const ownedEntries = function* (issuer: Registrar, owner: string): Generator<Entry> {
  let after: string | undefined;
  for (;;) {
    const page = issuer.views.entries.list({ owner }, { limit: PAGE, ...(after !== undefined && { after }) });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.id;
  }
};

const placeKey = ({ owner, spiffeId, parentId, selectors }: EntryFields): string =>
  canonicalJson({ owner: owner ?? null, spiffeId, parentId, selectors });

/** The entry on record that a written one means: by id, else by owner, SPIFFE ID, parent and selectors. */
const findEntry = (issuer: Registrar, fields: EntryFields, id: string | undefined): Entry | undefined => {
  if (id !== undefined) return issuer.views.entries.get(id);
  const { spiffeId, parentId } = fields;
  const candidates = issuer.views.entries.list({ spiffeId, parentId }, { limit: PAGE });
  return candidates.find((entry) => placeKey(entry) === placeKey(fields));
};

const checkId = (issuer: Registrar, problems: Problems, field: string, id: string): void => {
  const problem = entryIdProblem(id);
  problems.add(field, problem);
  if (problem === undefined && issuer.views.entries.used(id)) problems.add(field, 'an entry had this id before');
};

const ownerName = ({ owner }: Entry): string => (owner === undefined ? 'no owner' : `the owner ${owner}`);

const planEntries = (
  issuer: Registrar,
  file: ApplyFile,
  resources: PlannedResources,
  problems: Problems,
): EntryStep[] => {
  const context = { ...entryContext(issuer), resource: resources.find };
  const seen = new Map<string, string>();
  const steps: EntryStep[] = [];
  for (const [at, { id, ...written }] of (file.entries ?? []).entries()) {
    const field = `entries[${at}]`;
    const draft = { ...written, owner: written.owner ?? file.owner };
    const checked = checkEntry(draft, context);
    if (!checked.ok) {
      for (const { field: member, problem } of checked.problems) problems.add(`${field}.${member}`, problem);
      continue;
    }
    const before = findEntry(issuer, checked.value, id);
    if (before === undefined && id !== undefined) checkId(issuer, problems, `${field}.id`, id);
    const twin = before === undefined ? twinOf(issuer, checked.value) : undefined;
    if (twin) problems.add(field, `says the same as the entry ${twin.id}, which has ${ownerName(twin)}`);
    const key = before?.id ?? id ?? placeKey(checked.value);
    const earlier = seen.get(key);
    if (earlier !== undefined) problems.add(field, `is the same entry as ${earlier}`);
    seen.set(key, field);
    problems.parse(`${field}.commonName`, () => requireFreeCommonName(issuer, checked.value));
    steps.push({ before, after: checked.value, id: before?.id ?? id });
  }
  return steps;
};

const prunedEntries = (issuer: Registrar, file: ApplyFile, kept: readonly EntryStep[]): EntryStep[] => {
  if (file.prune !== true || file.owner === undefined) return [];
  const ids = new Set(kept.map(({ id }) => id));
  return [...ownedEntries(issuer, file.owner)]
    .filter((entry) => !ids.has(entry.id))
    .map((before) => ({ before, after: undefined, id: before.id }));
};

const checkPrune = (file: ApplyFile, problems: Problems): void => {
  if (file.prune !== true) return;
  if (file.owner === undefined) problems.add('prune', 'needs an owner: only what one owner keeps is deleted');
  const strangers = [...(file.entries ?? []), ...(file.resources ?? [])].filter(
    ({ owner }) => owner !== undefined && owner !== file.owner,
  );
  if (strangers.length > 0) problems.add('prune', 'the file names records of another owner');
};

const entryItem = ({ before, after, id }: EntryStep): PlanItem => ({
  kind: 'entry',
  action:
    after === undefined
      ? 'delete'
      : before === undefined
        ? 'create'
        : isSame(fieldsOf(before), after)
          ? 'unchanged'
          : 'update',
  ...(id !== undefined && { id }),
  name: (after ?? before)?.spiffeId ?? '',
  ...(before && { revision: before.revision }),
  changes: after === undefined ? [] : fieldChanges(before && fieldsOf(before), after),
});

/** Deleting a resource while some entry still grants it would leave that grant waiting for the next of its name. */
const checkDeletedResources = (resources: PlannedResources, entries: readonly EntryStep[]): void => {
  const after = new Map(entries.flatMap((step) => (step.before ? [[step.before.id, step.after]] : [])));
  for (const { entry, identifier } of resources.stillGranted()) {
    const planned = after.has(entry.id) ? after.get(entry.id) : entry;
    if (planned?.grants.some((grant) => grant.resource === identifier)) {
      throw new Refusal('conflict', `the entry ${entry.id} still grants ${identifier}, which this would delete`);
    }
  }
};

/**
 * Works out what would make the records equal to the file, and changes nothing. Refuses with `invalid_entry` and every
 * problem of the file, `forbidden` when a step is beyond the administrator, `conflict` when a resource that would go is
 * still granted.
 */
export const planApply = (issuer: Registrar, admin: Administrator, file: ApplyFile): PreparedPlan => {
  const problems = new Problems();
  checkPrune(file, problems);
  const resources = planResources(issuer, file, problems);
  const kept = planEntries(issuer, file, resources, problems);
  if (problems.all.length > 0) throw refuseProblems('invalid_entry', problems.all);
  const entries = [...kept, ...prunedEntries(issuer, file, kept)];
  checkDeletedResources(resources, entries);
  const items = [...resources.steps.map(resources.item), ...entries.map(entryItem)];
  if (items.some(({ kind, action }) => kind === 'resource' && action !== 'unchanged')) requireEverywhere(admin);
  const surroundings = { ...surroundingsOf(issuer), resource: resources.find };
  for (const { before, after } of entries) {
    if (before && after && isSame(fieldsOf(before), after)) requireWithin(admin, before.spiffeId);
    else requireMayWriteEntry(admin, before, after, surroundings);
  }
  const digest = hash('sha256', canonicalJson(items as unknown as CanonicalValue), 'hex');
  return { items, digest, resources: resources.steps, entries };
};
