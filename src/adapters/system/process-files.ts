import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ProgramFile } from '../../ports/workload-attestor.ts';
import { fileBehind, isForbidden } from './linux-calls.ts';
import { idsOfPidfd, type ProcessIds } from './pidfd-info.ts';

/** More than the auxiliary vector has, and more than stands before the ids in `status`. */
const HEAD_BYTES = 4096;

/** What may change under a process that stays the same process. */
export interface ProcessState extends ProcessIds {
  /** Both absent where the kernel does not let us look. */
  readonly program?: ProgramFile;
  /** Where the program lies in memory, which is chosen anew at each exec(). */
  readonly addresses?: string;
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

/** Of a file of `/proc` also while it is read: ESRCH. */
export const isNoSuchFile = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH';

const buffer = Buffer.alloc(HEAD_BYTES);

/** How a file of `/proc` begins. */
const head = (path: string): string => {
  const descriptor = openSync(path, 'r');
  try {
    return buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
};

const IDS = /\nUid:\t\d+\t(\d+)\t.*\nGid:\t\d+\t(\d+)\t.*/;

const isClosedToUs = (error: unknown): boolean =>
  isForbidden(error) || codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';

/** Fields of `stat` after the name of the program, the first of which is its state: proc_pid_stat(5) numbers that 3. */
const fieldsOfStat = (line: string): readonly string[] =>
  // The name, in brackets, may hold anything: blanks, brackets and line feeds.
  line.slice(line.lastIndexOf(')') + 2).split(' ');

/** startcode, endcode and startstack; start_data, end_data and start_brk. Not those of the arguments, which programs move to rename themselves. */
const ADDRESS_FIELDS = [26, 27, 28, 45, 46, 47].map((number) => number - 3);
const START_OF_STACK = 28 - 3;

/** Undefined where the kernel hides them: it shows 0 or 1 then. */
const addressesInStat = (folder: string): string | undefined => {
  const fields = fieldsOfStat(head(`${folder}/stat`));
  const stack = fields[START_OF_STACK];
  if (stack === undefined || stack === '0') return undefined;
  return ADDRESS_FIELDS.map((at) => fields[at]).join(' ');
};

/**
 * From the auxiliary vector: program, loader, stack and vDSO. It is a file of its user alone, which CAP_SYS_PTRACE does not open. That does
 * show program, stack and heap in `stat`, chosen anew at each exec() likewise; but `stat` adds up all threads of the process, which
 * takes longer the more there are, so it comes second.
 */
const addressesOf = (folder: string, auxv: boolean): string | undefined => {
  if (!auxv) return addressesInStat(folder);
  try {
    return head(`${folder}/auxv`);
  } catch (error) {
    if (!isClosedToUs(error)) throw error;
    return addressesInStat(folder);
  }
};

/** Without the two when it is not ours to look: that needs the same user, or CAP_SYS_PTRACE. */
const runningProgram = (folder: string, auxv: boolean): Pick<ProcessState, 'program' | 'addresses'> => {
  try {
    const program = fileBehind(`${folder}/exe`);
    const addresses = addressesOf(folder, auxv);
    // One without the other would let the program be exchanged unnoticed.
    return addresses === undefined ? {} : { program, addresses };
  } catch (error) {
    if (!isClosedToUs(error)) throw error;
    return {};
  }
};

const idsInStatus = (folder: string): ProcessIds => {
  const match = IDS.exec(head(`${folder}/status`));
  if (!match) throw new Error('/proc tells no user of the process');
  return { ids: match[0], euid: Number(match[1]), egid: Number(match[2]) };
};

/**
 * Reads `/proc/PID`, and what the pidfd of the same process tells where there is one and the kernel does. `auxv` false: as where that file
 * is closed to us. Throws when there is no such process, when it is not shown to us, and when it has no program left.
 */
export const processState = (pid: number, pidfd: number | undefined, auxv = true): ProcessState => {
  const folder = `/proc/${pid}`;
  // Ids last: a change of user between the two would otherwise lie before what is compared.
  const program = runningProgram(folder, auxv);
  return { ...((pidfd !== undefined && idsOfPidfd(pidfd)) || idsInStatus(folder)), ...program };
};

export const isSameState = (left: ProcessState, right: ProcessState): boolean =>
  left.ids === right.ids &&
  left.addresses === right.addresses &&
  left.program?.device === right.program?.device &&
  left.program?.inode === right.program?.inode;

/** When the process began, in ticks since boot: together with its id, a name that no other process has. Throws as above. */
export const startTime = (pid: number): string => {
  const start = fieldsOfStat(head(`/proc/${pid}/stat`))[22 - 3];
  if (start === undefined || !/^\d+$/.test(start)) throw new Error('/proc tells no start of the process');
  return start;
};

const EVERY_ID = 4_294_967_295;
const isAllIds = (map: string): boolean => map.trim().split(/\s+/).join(' ') === `0 0 ${EVERY_ID}`;

/**
 * The ids that the kernel shows in place of those that have no name in our user namespace; none of them when all have one. Such an
 * id is worth nothing: it stands for many.
 */
export const overflowIds = (): { readonly uid?: number; readonly gid?: number } => {
  const text = (path: string): string => readFileSync(path, 'latin1');
  return {
    ...(!isAllIds(text('/proc/self/uid_map')) && { uid: Number(text('/proc/sys/kernel/overflowuid')) }),
    ...(!isAllIds(text('/proc/self/gid_map')) && { gid: Number(text('/proc/sys/kernel/overflowgid')) }),
  };
};
