import { Refusal } from '../domain/refusal.ts';
import type { Administrator } from '../domain/administrator.ts';
import type { Fact } from '../domain/fact.ts';
import { fieldsOf, isSame, record, type AdminIssuer } from './admin-write.ts';
import type { EntryStep, ResourceStep } from './apply-steps.ts';
import { newEntry } from './create-entry.ts';
import { entryDeletion } from './delete-entry.ts';
import { resourceDeletion, resourceFieldsOf, resourceWrite } from './manage-resources.ts';
import { isOutdated, planApply, type ApplyFile, type ApplyPlan } from './plan-apply.ts';
import { mapInSlices, type StandAside } from './slices.ts';
import { nextEntry } from './update-entry.ts';

/** Facts in one transaction. A larger plan takes several, in order. */
const GROUP = 1000;

const entryFact = (issuer: AdminIssuer, admin: Administrator, step: EntryStep): readonly Fact[] => {
  const { before, after, id } = step;
  if (after === undefined) return before ? [entryDeletion(admin, before)] : [];
  if (before === undefined) return [newEntry(issuer, admin, after, id).fact];
  return isSame(fieldsOf(before), after) ? [] : [nextEntry(issuer, admin, before, after).fact];
};

const resourceFact = (issuer: AdminIssuer, admin: Administrator, { before, after }: ResourceStep): readonly Fact[] => {
  if (after !== undefined) {
    return before && isSame(resourceFieldsOf(before), after) ? [] : [resourceWrite(issuer, admin, after, before)];
  }
  return before ? [resourceDeletion(admin, before)] : [];
};

/** Resources come before the entries that grant them, and go after them. */
const ORDER: readonly Fact['kind'][] = [
  'resource-created',
  'resource-updated',
  'entry-deleted',
  'entry-updated',
  'entry-created',
  'resource-deleted',
];

/** The administrator's own entry comes last: everything else leans on it as it is (DEC-4). */
const placeOf = ({ rights }: Administrator, fact: Fact): number => {
  const isOwn =
    rights !== undefined &&
    ((fact.kind === 'entry-updated' && fact.entry.id === rights.id) ||
      (fact.kind === 'entry-deleted' && fact.id === rights.id));
  return isOwn ? ORDER.length : ORDER.indexOf(fact.kind);
};

/**
 * Makes the records equal to the file. `digest` is that of the plan that the operator saw: when the plan is another one by
 * now, nothing is done and the answer is `precondition_failed`. Applying the same file again records nothing. Up to 1,000
 * changes stand or fall together; a larger file is applied in groups, and can be applied again after a failure. It goes in
 * slices, and what others write before its first group makes it another plan.
 */
export const applyEntries = async (
  issuer: AdminIssuer,
  admin: Administrator,
  file: ApplyFile,
  digest: string,
  standAside: StandAside,
): Promise<ApplyPlan> => {
  const plan = await planApply(issuer, admin, file, standAside);
  const resources = plan.resources.flatMap((step) => resourceFact(issuer, admin, step));
  const entries = await mapInSlices(plan.entries, standAside, (step) => entryFact(issuer, admin, step));
  if (plan.digest !== digest || isOutdated(issuer, plan.seen)) {
    throw new Refusal('precondition_failed', 'the plan is no longer the one that was shown; look at it again');
  }
  const facts = [...resources, ...entries.flat()].sort((a, b) => placeOf(admin, a) - placeOf(admin, b));
  for (let at = 0; at < facts.length; at += GROUP) await record(issuer, facts.slice(at, at + GROUP));
  return { items: plan.items, digest: plan.digest };
};
