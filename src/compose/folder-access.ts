import { accessSync, constants, statSync } from 'node:fs';
import { getuid } from 'node:process';

const { R_OK, W_OK, X_OK } = constants;

/** To make files in a folder, and replace them. */
export const TO_WRITE = W_OK | X_OK;
/** To see its entries to disk, too, for which it is opened. */
export const TO_KEEP = R_OK | W_OK | X_OK;

/**
 * What keeps `user` from using a folder that is there with these rights, in words that follow its name; undefined where nothing does.
 * What root is allowed says nothing of another user: of that one owner and mode tell, and a group is taken to be its own.
 */
export const accessObstacle = (folder: string, user: number | undefined, rights: number): string | undefined => {
  try {
    accessSync(folder, rights);
  } catch (error) {
    return `cannot be written to (${(error as NodeJS.ErrnoException).code})`;
  }
  if (user === undefined || user === 0 || user === getuid?.()) return undefined;
  const { uid, mode } = statSync(folder);
  const has = (shift: number): boolean => ((mode >> shift) & rights) === rights;
  if (uid === user) return has(6) ? undefined : `cannot be written to by its owner, user ${user}: chmod u+rwx it`;
  return has(3) || has(0) ? undefined : `belongs to user ${uid}, and user ${user} cannot write to it: chown it`;
};
