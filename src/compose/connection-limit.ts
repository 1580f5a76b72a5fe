/** Files that are not connections of `api` and `public`: the store, key files, the admin socket, metrics, what attestors fetch. */
const OTHER_FILES = 256;
const LISTENERS = 2;
const FEWEST = 16;

/**
 * Connections that one listener of one front end may have open: as many as are configured, unless the operating system lets
 * the process open fewer files. Without a descriptor left no listener could accept anything, nor make room by closing another.
 */
export const connectionLimit = (configured: number, frontEnds: number, openFiles: number | undefined): number => {
  if (openFiles === undefined) return configured;
  const share = Math.floor((openFiles - OTHER_FILES) / (LISTENERS * frontEnds));
  return Math.min(configured, Math.max(FEWEST, share));
};

/** Descriptors that one caller of the agent's socket takes: its connection, and its process. */
const FILES_PER_CALLER = 2;

/** The same for the agent's socket. */
export const socketLimit = (configured: number, openFiles: number | undefined): number =>
  openFiles === undefined
    ? configured
    : Math.min(configured, Math.max(FEWEST, Math.floor((openFiles - OTHER_FILES) / FILES_PER_CALLER)));
