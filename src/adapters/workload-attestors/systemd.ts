import type { WorkloadAttestor } from '../../ports/workload-attestor.ts';
import { type ControlGroup, controlGroupsOf, isSlice } from './control-groups.ts';

const UNIT = /^[A-Za-z0-9:_.\\@-]{1,255}\.(?:service|scope)$/;
const SLICE = /^[A-Za-z0-9:_.\\-]{1,255}\.slice$/;
const USER_MANAGER = /^user@\d+\.service$/;
/** The slice of what lies in no other. */
const ROOT_SLICE = '-.slice';

/** systemd writes `_` before names that the kernel would take for files of its own. */
const unescaped = (name: string): string => (name.startsWith('_') ? name.slice(1) : name);

interface Place {
  readonly slice: string;
  readonly unit: string;
  /** The names below the unit's group. */
  readonly below: readonly string[];
}

/** The unit right below the slices; undefined when what is there is not named like one. */
const placeIn = (path: readonly string[]): Place | undefined => {
  const names = path.map(unescaped);
  const at = names.findIndex((name) => !isSlice(name));
  const unit = names[at];
  if (unit === undefined || !UNIT.test(unit)) return undefined;
  const slices = names.slice(0, at);
  if (!slices.every((slice) => SLICE.test(slice))) return undefined;
  return { slice: slices.at(-1) ?? ROOT_SLICE, unit, below: path.slice(at + 1) };
};

/** The hierarchy that the system's service manager keeps: that of version 1 where there is one, else version 2. */
const managed = (groups: readonly ControlGroup[]): ControlGroup | undefined =>
  groups.find(({ controllers }) => controllers === 'name=systemd') ??
  groups.find(({ controllers }) => controllers === '');

/**
 * The unit of a process. Only what stands right below slices counts: everything deeper was named by whoever runs there. So a user
 * who makes a group `nginx.service` in the session that is delegated to them, or a container that makes one below its own, is
 * still in `user@1000.service` or in the unit of the container; what a user's own manager says is `systemd:user_unit`.
 */
export const systemdSelectors = (groups: readonly ControlGroup[]): readonly string[] => {
  const place = placeIn(managed(groups)?.path ?? []);
  if (place === undefined) return [];
  const own = USER_MANAGER.test(place.unit) ? placeIn(place.below) : undefined;
  return [
    `systemd:unit:${place.unit}`,
    `systemd:slice:${place.slice}`,
    ...(own === undefined ? [] : [`systemd:user_unit:${own.unit}`]),
  ];
};

/**
 * `systemd:unit`, `systemd:slice` and, below a user's own manager, `systemd:user_unit`: that one is the user's word, and belongs
 * beside a `unix:uid`. Nothing for processes outside of units, and where the agent sees no more than its own cgroup namespace.
 */
export const systemdAttestor = (): WorkloadAttestor => ({
  type: 'systemd',
  attest: async ({ pid }) => systemdSelectors(controlGroupsOf(pid)),
});
