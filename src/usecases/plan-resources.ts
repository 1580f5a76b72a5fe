import type { Entry } from '../domain/entry.ts';
import type { Problems } from '../domain/problems.ts';
import { checkResource } from '../domain/resource-rules.ts';
import type { Resource } from '../domain/resource.ts';
import type { AdminIssuer } from './admin-write.ts';
import { fieldChanges, planAction, type PlanItem, type ResourceStep } from './apply-steps.ts';
import { entriesGranting, resourceContext, resourceFieldsOf } from './manage-resources.ts';
import type { ApplyFile } from './plan-apply.ts';
import { inSlices, type StandAside } from './slices.ts';

/** The resources as they would be once a file is applied. */
export interface PlannedResources {
  readonly steps: readonly ResourceStep[];
  /** A resource by its identifier, as it would be then. */
  readonly find: (identifier: string) => Resource | undefined;
  readonly item: (step: ResourceStep) => PlanItem;
  /** The entries that now grant a resource which would be deleted. */
  readonly stillGranted: () => Iterable<{ readonly entry: Entry; readonly identifier: string }>;
}

const item = ({ before, after }: ResourceStep): PlanItem => {
  const identifier = (after ?? before)?.identifier ?? '';
  return {
    kind: 'resource',
    action: planAction(before && resourceFieldsOf(before), after),
    id: identifier,
    name: identifier,
    ...(before && { revision: before.revision }),
    changes: after === undefined ? [] : fieldChanges(before && resourceFieldsOf(before), after),
  };
};

const writtenResources = async (
  issuer: AdminIssuer,
  file: ApplyFile,
  problems: Problems,
  standAside: StandAside,
): Promise<ResourceStep[]> => {
  const names = new Map<string, string>();
  const steps: ResourceStep[] = [];
  await inSlices(file.resources ?? [], standAside, (written, at) => {
    const field = `resources[${at}]`;
    const draft = { ...written, owner: written.owner ?? file.owner };
    const checked = checkResource(draft, resourceContext(issuer));
    if (!checked.ok) {
      for (const { field: member, problem } of checked.problems) problems.add(`${field}.${member}`, problem);
      return;
    }
    for (const name of [checked.value.identifier, ...checked.value.names]) {
      if (names.has(name)) problems.add(field, `names ${name}, as ${names.get(name)} does`);
      names.set(name, field);
    }
    steps.push({ before: issuer.views.resources.get(written.identifier), after: checked.value });
  });
  return steps;
};

const prunedResources = (issuer: AdminIssuer, file: ApplyFile, kept: readonly ResourceStep[]): ResourceStep[] => {
  if (file.prune !== true || file.owner === undefined) return [];
  const identifiers = new Set(kept.map(({ after }) => after?.identifier));
  return issuer.views.resources
    .list()
    .filter((resource) => resource.owner === file.owner && !identifiers.has(resource.identifier))
    .map((before) => ({ before, after: undefined }));
};

/** The steps for a file's resources; what is wrong with them goes to `problems`. */
export const planResources = async (
  issuer: AdminIssuer,
  file: ApplyFile,
  problems: Problems,
  standAside: StandAside,
): Promise<PlannedResources> => {
  const written = await writtenResources(issuer, file, problems, standAside);
  const pruned = prunedResources(issuer, file, written);
  const planned = new Map(written.map(({ before, after }) => [after?.identifier, { before, after }]));
  const gone = new Set(pruned.map(({ before }) => before?.identifier));
  return {
    steps: [...written, ...pruned],
    find: (identifier) => {
      const step = planned.get(identifier);
      if (step?.after) {
        const last = step.before?.revision ?? issuer.views.resources.lastRevision(step.after.identifier);
        return { ...step.after, revision: last + 1 };
      }
      return gone.has(identifier) ? undefined : issuer.views.resources.get(identifier);
    },
    item,
    stillGranted: function* () {
      for (const identifier of gone) {
        if (identifier === undefined) continue;
        for (const entry of entriesGranting(issuer, identifier)) yield { entry, identifier };
      }
    },
  };
};
