import { CommandRefused } from './exit.ts';

/**
 * Errors of the file system are the operator's to solve: no right to a folder, no room, a file in the way. `options` names
 * those that say where things go.
 */
export const making = (options: string, make: () => void): void => {
  try {
    make();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined || path === undefined) throw error;
    throw new CommandRefused(`cannot make ${path} (${code}); ${options} name other places`);
  }
};
