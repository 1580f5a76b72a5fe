import { readlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock } from '../../ports/clock.ts';
import type { Delays } from '../../ports/timers.ts';
import type { WorkloadAttestor, WorkloadProcess } from '../../ports/workload-attestor.ts';
import { AccountNames } from './account-names.ts';
import { ProgramDigests } from './program-digest.ts';

const DIGEST_MAX_BYTES = 512 * 1024 * 1024;
/** For path and hash; below the limit of the whole attestor, so that users and groups do not get lost with them. */
const PROGRAM_LIMIT_MS = 350;

export interface UnixAttestorOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly delays: Delays;
  /** Does any entry use selectors that begin so? Path and hash are costly, and left out where nobody asks. */
  readonly wanted: (prefix: 'unix:path:' | 'unix:sha256:') => boolean;
  /** Programs that are longer have no `unix:sha256`. Default: 512 MiB. */
  readonly maxProgramBytes?: number;
  /** Default: `/etc/passwd` and `/etc/group`. */
  readonly passwd?: string;
  readonly group?: string;
}

interface ProgramFacts {
  readonly path?: string;
  readonly sha256?: string;
}

type ProgramWants = Readonly<Record<keyof ProgramFacts, boolean>>;

let ownUserNamespace: string | undefined;

/** In a user namespace of its own, any process may have the kernel show another program as its own (PR_SET_MM_EXE_FILE). */
const isInOurUserNamespace = (pid: number): boolean => {
  ownUserNamespace ??= readlinkSync('/proc/self/ns/user');
  return readlinkSync(`/proc/${pid}/ns/user`) === ownUserNamespace;
};

/**
 * The path of the program, if it leads to that very file for the agent too. What the kernel shows may be a path of another mount
 * namespace, of a file system that was unmounted since, or of a deleted file: all of them chosen by whoever runs it.
 */
const pathOf = async ({ pid, program }: WorkloadProcess): Promise<string | undefined> => {
  const path = readlinkSync(`/proc/${pid}/exe`);
  if (!path.startsWith('/')) return undefined;
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return dev === program?.device && ino === program.inode ? path : undefined;
  } catch {
    return undefined;
  }
};

/** Never rejects: what fails is not known. */
const unlessLate = async <T>(work: Promise<T | undefined>, signal: AbortSignal): Promise<T | undefined> => {
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const late = (): void => resolve(undefined);
  signal.addEventListener('abort', late, { once: true });
  work.then(resolve, late);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', late);
  }
};

/**
 * `unix:uid`, `unix:gid`, `unix:supplementary_gid` and their names (`user`, `group`, `supplementary_group`) as the kernel recorded
 * them at connect; `unix:path` and `unix:sha256` of the program, where an entry wants them and the agent may look (same user,
 * or CAP_SYS_PTRACE). Processes in other user namespaces have no path and hash; those whose program is deleted, replaced, or in
 * another mount namespace have no path. Both tell which program a user chose to run, not what it was made to do:
 * they belong beside a `unix:uid`, never alone.
 */
export const unixAttestor = (options: UnixAttestorOptions): WorkloadAttestor => {
  const users = new AccountNames(options.passwd ?? '/etc/passwd');
  const groups = new AccountNames(options.group ?? '/etc/group');
  const digests = new ProgramDigests({ clock: options.clock, maxBytes: options.maxProgramBytes ?? DIGEST_MAX_BYTES });
  // A process is held with one program for good: what was found holds for as long as it is.
  const known = new WeakMap<WorkloadProcess, ProgramFacts>();

  const named = (key: string, name: string | undefined): readonly string[] =>
    name === undefined ? [] : [`unix:${key}:${name}`];

  const accounts = ({ uid, gid, groups: supplementary }: WorkloadProcess): readonly string[] => [
    `unix:uid:${uid}`,
    ...named('user', users.of(uid)),
    `unix:gid:${gid}`,
    ...named('group', groups.of(gid)),
    ...supplementary.flatMap((id) => [`unix:supplementary_gid:${id}`, ...named('supplementary_group', groups.of(id))]),
  ];

  const wantedOf = (facts: ProgramFacts): ProgramWants => ({
    path: facts.path === undefined && options.wanted('unix:path:'),
    sha256: facts.sha256 === undefined && options.wanted('unix:sha256:'),
  });

  const learn = async (
    process: WorkloadProcess,
    wants: ProgramWants,
    signal: AbortSignal,
    unfinished: () => void,
  ): Promise<ProgramFacts> => {
    const limit = new AbortController();
    const stop = options.delays.after(PROGRAM_LIMIT_MS, () => limit.abort());
    const either = AbortSignal.any([signal, limit.signal]);
    try {
      const [path, sha256] = await Promise.all([
        wants.path ? unlessLate(pathOf(process), either) : undefined,
        wants.sha256 ? unlessLate(digests.of(process, either), either) : undefined,
      ]);
      // The hash goes on, and is there when it is asked for next.
      if (either.aborted) unfinished();
      return { ...(path !== undefined && { path }), ...(sha256 !== undefined && { sha256 }) };
    } finally {
      stop();
    }
  };

  const programFacts = async (
    process: WorkloadProcess,
    signal: AbortSignal,
    unfinished: () => void,
  ): Promise<ProgramFacts> => {
    const before = known.get(process) ?? {};
    const wants = wantedOf(before);
    if (process.program === undefined || (!wants.path && !wants.sha256)) return before;
    if (!isInOurUserNamespace(process.pid)) return before;
    const facts = { ...before, ...(await learn(process, wants, signal, unfinished)) };
    // Only what was read while the process was still the one that it is held as may be kept.
    if (process.isSame()) known.set(process, facts);
    return facts;
  };

  const program = ({ path, sha256 }: ProgramFacts): readonly string[] => [
    ...named('path', path),
    ...named('sha256', sha256),
  ];

  return {
    type: 'unix',
    attest: async (process, signal, unfinished = () => undefined) => [
      ...accounts(process),
      ...program(await programFacts(process, signal, unfinished)),
    ],
  };
};
