import { readFileSync } from 'node:fs';

/** How many files and sockets this process may have open, where the system says so in `/proc`; else `undefined`. */
export const openFileLimit = (limits = '/proc/self/limits'): number | undefined => {
  try {
    const soft = /^Max open files +(\d+) /m.exec(readFileSync(limits, 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
};
