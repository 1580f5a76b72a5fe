/** Files that are not connections of `api` and `public`: the store, key files, the admin socket, metrics, what attestors fetch. */
const OTHER_FILES = 256;
const FEWEST = 16;
/** Agents stay connected to `api`; whoever reads key sets and lists at `public` comes and goes. */
const SHARE_OF_API = 0.75;

/** How many connections may be open at each listener of one front end. */
export interface ConnectionLimits {
  readonly api: number;
  readonly public: number;
}

/**
 * As many as are configured, unless the operating system lets the process open fewer files: then `api` has three quarters of them, and
 * `public` what `api` does not need. Without a descriptor left no listener could accept anything, nor make room by closing another.
 */
export const connectionLimits = (
  configured: number,
  frontEnds: number,
  openFiles: number | undefined,
): ConnectionLimits => {
  if (openFiles === undefined) return { api: configured, public: configured };
  const files = Math.floor((openFiles - OTHER_FILES) / frontEnds);
  const among = (share: number): number => Math.min(configured, Math.max(FEWEST, Math.floor(share)));
  const api = among(files * SHARE_OF_API);
  return { api, public: among(files - api) };
};

/** Descriptors that one caller of the agent's socket takes: its connection, and its process. */
const FILES_PER_CALLER = 2;

/** The same for the agent's socket. */
export const socketLimit = (configured: number, openFiles: number | undefined): number =>
  openFiles === undefined
    ? configured
    : Math.min(configured, Math.max(FEWEST, Math.floor((openFiles - OTHER_FILES) / FILES_PER_CALLER)));
