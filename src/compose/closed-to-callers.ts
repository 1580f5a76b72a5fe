import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Callers are programs of other users. A group that may enter is somebody's choice, too. */
const GROUP_OR_OTHERS_MAY_ENTER = 0o011;

/** The first folder on the way to a socket, from the socket up, through which nobody but its owner comes; undefined when none is. */
export const closedToCallers = (path: string): string | undefined => {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && (stat.mode & GROUP_OR_OTHERS_MAY_ENTER) === 0) return folder;
  }
  return undefined;
};
