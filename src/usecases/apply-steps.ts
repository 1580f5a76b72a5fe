import type { Entry, EntryFields } from '../domain/entry.ts';
import type { Resource, ResourceFields } from '../domain/resource.ts';
import { isSame } from './admin-write.ts';

/** From `before` to `after`; either is absent when a record is created or deleted. */
export interface EntryStep {
  readonly before: Entry | undefined;
  readonly after: EntryFields | undefined;
  /** The id of the entry on record, or the one that was chosen for the new one. */
  readonly id: string | undefined;
}

export interface ResourceStep {
  readonly before: Resource | undefined;
  readonly after: ResourceFields | undefined;
}

export type PlanAction = 'create' | 'update' | 'delete' | 'unchanged';

/** What happens to a record whose fields become `after`. */
export const planAction = (before: object | undefined, after: object | undefined): PlanAction => {
  if (after === undefined) return 'delete';
  if (before === undefined) return 'create';
  return isSame(before, after) ? 'unchanged' : 'update';
};

/** One member that differs; a side that does not have it is absent. */
export interface FieldChange {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** One line of a plan. */
export interface PlanItem {
  readonly kind: 'entry' | 'resource';
  readonly action: PlanAction;
  /** An entry's id, absent for one that gets its id when it is created; a resource's identifier. */
  readonly id?: string;
  /** An entry's SPIFFE ID, a resource's identifier. */
  readonly name: string;
  /** Of the record as it stands. */
  readonly revision?: number;
  readonly changes: readonly FieldChange[];
}

/** Which members differ, in order of their names. */
export const fieldChanges = (before: object | undefined, after: object): readonly FieldChange[] => {
  const old: Readonly<Record<string, unknown>> = { ...before };
  const fresh: Readonly<Record<string, unknown>> = { ...after };
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .sort()
    .filter((field) => !isSame(old[field], fresh[field]))
    .map((field) => ({
      field,
      ...(old[field] !== undefined && { before: old[field] }),
      ...(fresh[field] !== undefined && { after: fresh[field] }),
    }));
};
