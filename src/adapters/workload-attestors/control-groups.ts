import { readFileSync } from 'node:fs';

/** One line of `/proc/PID/cgroup` (cgroups(7)). */
export interface ControlGroup {
  /** Empty for version 2, `name=systemd` or a list of controllers for version 1. */
  readonly controllers: string;
  /** The names on the way from the root to the process's group. `..` leads out of the agent's own cgroup namespace. */
  readonly path: readonly string[];
}

const MAX_LENGTH = 256 * 1024;
/** Marks a group that is gone: what lived there may have any name. */
const DELETED = ' (deleted)';

const groupOf = (line: string): ControlGroup => {
  const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
  if (controllers === undefined || path === undefined)
    throw new Error('/proc tells of control groups in an unknown form');
  return { controllers, path: path.split('/').filter((name) => name !== '') };
};

/**
 * Reads what `/proc/PID/cgroup` says; groups that were deleted are left out. Throws when it is in another form. The kernel lets no name
 * of a group hold a line feed.
 */
export const controlGroupsIn = (text: string): readonly ControlGroup[] => {
  if (text.length > MAX_LENGTH) throw new Error('/proc tells of too many control groups');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(DELETED))
    .map(groupOf);
};

/** As the agent's own cgroup namespace shows them, whatever the process sees itself. Throws when the process is gone. */
export const controlGroupsOf = (pid: number): readonly ControlGroup[] =>
  controlGroupsIn(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));

/**
 * Is it a slice? Slices are made by the system's service manager alone. Below services and scopes others make groups, and name
 * them as they like: the manager of a user below `user@UID.service`, a container below its own scope.
 */
export const isSlice = (name: string): boolean => name.endsWith('.slice');
