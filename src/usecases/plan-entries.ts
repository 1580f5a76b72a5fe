import { checkEntry, entryIdProblem } from '../domain/entry-rules.ts';
import type { Entry, EntryFields } from '../domain/entry.ts';
import type { Problems } from '../domain/problems.ts';
import { canonicalJson } from '../formats/canonical-json.ts';
import { entryContext, fieldsOf, requireFreeCommonName, twinOf, type AdminIssuer } from './admin-write.ts';
import { fieldChanges, planAction, type EntryStep, type PlanItem } from './apply-steps.ts';
import type { ApplyFile } from './plan-apply.ts';
import type { PlannedResources } from './plan-resources.ts';
import { inSlices, readAll, type StandAside } from './slices.ts';

const PAGE = 500;

const ownedEntries = ({ views }: AdminIssuer, owner: string): Generator<Entry> =>
  readAll(
    (page) => views.entries.list({ owner }, page),
    ({ id }) => id,
    { limit: PAGE },
  );

const placeKey = ({ owner, spiffeId, parentId, selectors }: EntryFields): string =>
  canonicalJson({ owner: owner ?? null, spiffeId, parentId, selectors });

/** The entry on record that a written one means: by id, else by owner, SPIFFE ID, parent and selectors. */
const findEntry = (issuer: AdminIssuer, fields: EntryFields, id: string | undefined): Entry | undefined => {
  if (id !== undefined) return issuer.views.entries.get(id);
  const { spiffeId, parentId } = fields;
  const candidates = issuer.views.entries.list({ spiffeId, parentId }, { limit: PAGE });
  return candidates.find((entry) => placeKey(entry) === placeKey(fields));
};

const checkId = (issuer: AdminIssuer, problems: Problems, field: string, id: string): void => {
  const problem = entryIdProblem(id);
  problems.add(field, problem);
  if (problem === undefined && issuer.views.entries.used(id)) problems.add(field, 'an entry had this id before');
};

const ownerName = ({ owner }: Entry): string => (owner === undefined ? 'no owner' : `the owner ${owner}`);

/** The steps for a file's entries; what is wrong with them goes to `problems`. */
export const planEntries = async (
  issuer: AdminIssuer,
  file: ApplyFile,
  resources: PlannedResources,
  problems: Problems,
  standAside: StandAside,
): Promise<EntryStep[]> => {
  const context = { ...entryContext(issuer), resource: resources.find };
  const seen = new Map<string, string>();
  const steps: EntryStep[] = [];
  await inSlices(file.entries ?? [], standAside, ({ id, ...written }, at) => {
    const field = `entries[${at}]`;
    const draft = { ...written, owner: written.owner ?? file.owner };
    const checked = checkEntry(draft, context);
    if (!checked.ok) {
      for (const { field: member, problem } of checked.problems) problems.add(`${field}.${member}`, problem);
      return;
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
  });
  return steps;
};

/** The deletions of the entries of the file's owner that the file does not name. */
export const prunedEntries = async (
  issuer: AdminIssuer,
  file: ApplyFile,
  kept: readonly EntryStep[],
  standAside: StandAside,
): Promise<EntryStep[]> => {
  if (file.prune !== true || file.owner === undefined) return [];
  const ids = new Set(kept.map(({ id }) => id));
  const steps: EntryStep[] = [];
  await inSlices(ownedEntries(issuer, file.owner), standAside, (before) => {
    if (!ids.has(before.id)) steps.push({ before, after: undefined, id: before.id });
  });
  return steps;
};

export const entryItem = ({ before, after, id }: EntryStep): PlanItem => ({
  kind: 'entry',
  action: planAction(before && fieldsOf(before), after),
  ...(id !== undefined && { id }),
  name: (after ?? before)?.spiffeId ?? '',
  ...(before && { revision: before.revision }),
  changes: after === undefined ? [] : fieldChanges(before && fieldsOf(before), after),
});
