import { createHash } from 'node:crypto';
import { requireEverywhere, requireMayWriteEntry, requireWithin, type Administrator } from '../domain/administrator.ts';
import type { EntryDraft } from '../domain/entry-rules.ts';
import { Problems } from '../domain/problems.ts';
import { Refusal, problemsRefusal } from '../domain/refusal.ts';
import type { ResourceDraft } from '../domain/resource-rules.ts';
import { canonicalJson, type CanonicalValue } from '../formats/canonical-json.ts';
import { fieldsOf, isSame, surroundingsOf, type AdminIssuer } from './admin-write.ts';
import type { EntryStep, PlanItem, ResourceStep } from './apply-steps.ts';
import { entryItem, planEntries, prunedEntries } from './plan-entries.ts';
import { planResources, type PlannedResources } from './plan-resources.ts';
import { inSlices, mapInSlices, type StandAside } from './slices.ts';

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
  /** The newest change that it knows of. */
  readonly seen: number;
}

const checkPrune = (file: ApplyFile, problems: Problems): void => {
  if (file.prune !== true) return;
  if (file.owner === undefined) problems.add('prune', 'needs an owner: only what one owner keeps is deleted');
  const strangers = [...(file.entries ?? []), ...(file.resources ?? [])].filter(
    ({ owner }) => owner !== undefined && owner !== file.owner,
  );
  if (strangers.length > 0) problems.add('prune', 'the file names records of another owner');
};

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

/** Of the lines one by one: the text of ten thousand would be made in one piece otherwise. */
const digestOf = async (items: readonly PlanItem[], standAside: StandAside): Promise<string> => {
  const digest = createHash('sha256');
  await inSlices(items, standAside, (each) => {
    digest.update(`${canonicalJson(each as unknown as CanonicalValue)}\n`);
  });
  return digest.digest('hex');
};

const planOnce = async (
  issuer: AdminIssuer,
  admin: Administrator,
  file: ApplyFile,
  standAside: StandAside,
): Promise<Omit<PreparedPlan, 'seen'>> => {
  const problems = new Problems();
  checkPrune(file, problems);
  const resources = await planResources(issuer, file, problems, standAside);
  const kept = await planEntries(issuer, file, resources, problems, standAside);
  if (problems.all.length > 0) throw problemsRefusal('invalid_entry', problems.all);
  const entries = [...kept, ...(await prunedEntries(issuer, file, kept, standAside))];
  checkDeletedResources(resources, entries);
  const items = [...resources.steps.map(resources.item), ...(await mapInSlices(entries, standAside, entryItem))];
  if (items.some(({ kind, action }) => kind === 'resource' && action !== 'unchanged')) requireEverywhere(admin);
  const surroundings = { ...surroundingsOf(issuer), resource: resources.find };
  await inSlices(entries, standAside, ({ before, after }) => {
    if (before && after && isSame(fieldsOf(before), after)) requireWithin(admin, before.spiffeId);
    else requireMayWriteEntry(admin, before, after, surroundings);
  });
  return { items, digest: await digestOf(items, standAside), resources: resources.steps, entries };
};

/** Changes that are read at once. */
const PAGE = 500;

/** Whether an entry or a resource was written above this place of the change feed. */
export const isOutdated = ({ views: { changes } }: AdminIssuer, seen: number): boolean => {
  let after = seen;
  while (changes.newest() > after) {
    const page = changes.after(after, PAGE);
    if (page.some(({ kind }) => kind.startsWith('entry-') || kind.startsWith('resource-'))) return true;
    after = page.at(-1)?.cursor.index ?? changes.newest();
  }
  return false;
};

const ATTEMPTS = 3;

/**
 * Works out what would make the records equal to the file, and changes nothing. It goes in slices; a plan of records that
 * were written meanwhile is made again. Refuses with `invalid_entry` and every problem of the file, `forbidden` when a step
 * is beyond the administrator, `conflict` when a resource that would go is still granted, or others keep on writing.
 */
export const planApply = async (
  issuer: AdminIssuer,
  admin: Administrator,
  file: ApplyFile,
  standAside: StandAside,
): Promise<PreparedPlan> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const seen = issuer.views.changes.newest();
    const plan = await planOnce(issuer, admin, file, standAside);
    if (!isOutdated(issuer, seen)) return { ...plan, seen };
  }
  throw new Refusal('conflict', 'others keep changing entries while this is planned; try again');
};
