import { accessSync, constants, statSync } from 'node:fs';
import { getuid } from 'node:process';

/** To write to a folder takes the right to enter it, too. */
const OWNER_MAY_WRITE = 0o300;
const GROUP_MAY_WRITE = 0o030;
const OTHERS_MAY_WRITE = 0o003;

const has = (mode: number, rights: number): boolean => (mode & rights) === rights;

/**
 * What keeps `user` from writing to a folder that is there, in words that follow its name; undefined where nothing does. What root is
 * allowed says nothing of another user: of that one owner and mode tell, and a group is taken to be its own.
 */
export const writeObstacle = (folder: string, user: number | undefined): string | undefined => {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return `cannot be read and written to (${(error as NodeJS.ErrnoException).code})`;
  }
  if (user === undefined || user === 0 || user === getuid?.()) return undefined;
  const { uid, mode } = statSync(folder);
  if (uid === user)
    return has(mode, OWNER_MAY_WRITE) ? undefined : `cannot be written to by its owner, user ${user}: chmod u+wx it`;
  if (has(mode, GROUP_MAY_WRITE) || has(mode, OTHERS_MAY_WRITE)) return undefined;
  return `belongs to user ${uid}, and user ${user} cannot write to it: chown it`;
};
