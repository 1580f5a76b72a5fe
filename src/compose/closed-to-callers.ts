import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Callers are programs of other users. A group that may enter is somebody's choice, too. */
const GROUP_OR_OTHERS_MAY_ENTER = 0o011;

/** Undefined of what is not there, and of what lies below a folder that keeps us out, which comes next on the way up. */
const modeOf = (folder: string): number | undefined => {
  try {
    return statSync(folder, { throwIfNoEntry: false })?.mode;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw error;
  }
};

/** The first folder on the way to a socket, from the socket up, through which nobody but its owner comes; undefined when none is. */
export const closedToCallers = (path: string): string | undefined => {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const mode = modeOf(folder);
    if (mode !== undefined && (mode & GROUP_OR_OTHERS_MAY_ENTER) === 0) return folder;
  }
  return undefined;
};
