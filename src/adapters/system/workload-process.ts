import { closeSync, readlinkSync } from 'node:fs';
import { Refusal } from '../../domain/refusal.ts';
import type { WorkloadProcess } from '../../ports/workload-attestor.ts';
import { hasExited, isGone, isUnknownToKernel, openPidfd, peerGroups, peerPidfd } from './linux-calls.ts';
import { peerCredentials } from './peer-credentials.ts';
import { isNoSuchFile, isSameState, overflowIds, type ProcessState, processState, startTime } from './process-files.ts';

export interface HoldOptions {
  /** False: as on kernels before 6.5, whose sockets do not give out the process, and whose pidfds tell nothing of it. */
  readonly peerPidfd?: boolean;
  /** False: as where the agent may not read the auxiliary vectors of others, since all it has is CAP_SYS_PTRACE. */
  readonly auxv?: boolean;
}

const unknown = (why: string): Refusal =>
  new Refusal('unauthenticated', `the kernel does not tell who is calling: ${why}`);

/** `/proc` of another pid namespace would tell of other processes under the same ids. */
const checkOwnProc = (): void => {
  if (readlinkSync('/proc/self') !== String(process.pid)) {
    throw new Error('/proc is not that of this process: mount it for the pid namespace that the agent runs in');
  }
};

/** Before Linux 6.5: from the id alone. The start time proves that what was opened is what has the id before and after. */
const pidfdOfId = (pid: number): number => {
  const before = startTime(pid);
  const pidfd = openPidfd(pid);
  try {
    if (startTime(pid) !== before) throw unknown('its process id was given to another process');
    return pidfd;
  } catch (error) {
    closeSync(pidfd);
    throw error;
  }
};

const pidfdOfSocket = (descriptor: number, pid: number): number => {
  try {
    return peerPidfd(descriptor);
  } catch (error) {
    if (!isUnknownToKernel(error)) throw error;
    return pidfdOfId(pid);
  }
};

const pidfdOf = (descriptor: number, pid: number, options: HoldOptions): number => {
  try {
    return options.peerPidfd === false ? pidfdOfId(pid) : pidfdOfSocket(descriptor, pid);
  } catch (error) {
    if (isGone(error) || isNoSuchFile(error)) throw unknown('the process is gone');
    throw error;
  }
};

const isRunningAs = (pidfd: number, read: () => ProcessState, first: ProcessState): boolean => {
  try {
    // Only after reading: while the process had not ended, its id was its own, and so was all that was read under it.
    return isSameState(read(), first) && !hasExited(pidfd);
  } catch {
    return false;
  }
};

let ownOverflow: ReturnType<typeof overflowIds> | undefined;

/** Refuses ids of a user namespace that ours has no names for: they all look like the same user. */
const checkNamed = (uid: number, gid: number): void => {
  if (ownOverflow === undefined) {
    checkOwnProc();
    ownOverflow = overflowIds();
  }
  if (uid === ownOverflow.uid || gid === ownOverflow.gid)
    throw unknown('its user has no id in the user namespace of the agent');
};

interface PeerIds {
  readonly uid: number;
  readonly gid: number;
}

const stateAtStart = (pidfd: number, read: () => ProcessState, { uid, gid }: PeerIds): ProcessState => {
  let state: ProcessState;
  try {
    state = read();
  } catch {
    throw unknown(hasExited(pidfd) ? 'the process is gone' : '/proc does not show the process');
  }
  if (hasExited(pidfd)) throw unknown('the process is gone');
  if (state.euid !== uid || state.egid !== gid)
    throw unknown('the process runs as another user than the one that connected');
  return state;
};

/**
 * Holds the process at the other end of an accepted Unix socket by a pidfd, one descriptor until `close()`. Refuses with
 * `unauthenticated` when the process is gone, is in a pid namespace that the agent does not see, or has another user than at
 * connect; throws where the system is none that can tell. Takes some 40 µs, `isSame()` half
 * of that.
 *
 * Who connected: user, groups and process are what the kernel recorded at connect(2). A socket that is inherited or passed on
 * (SCM_RIGHTS) still means the process that connected; once that one ends, it means nobody. Before Linux 6.5 the kernel records
 * the id only: if the process ends and its id is given away between connect and here, whoever has it now is taken for the
 * caller, so long as it runs as the same user and group.
 *
 * What it runs: `isSame()` notices every exec() from here on, by device and inode of the program and by the addresses that it was
 * given in memory, and every change of its user or group ids. It does not notice an exec() between connect and here, of which no
 * record exists; nor an exec() of the very same file with address randomisation switched off; nor any exec() where the agent
 * may not look (another user's process, without CAP_SYS_PTRACE): then there is no `program`. What attestors read of the
 * program must therefore be of the file in `program`. Code that a process loads later is not noticed by anybody: whoever may run a
 * program may run it with code of his own (LD_PRELOAD, ptrace), so that a path or hash tells apart programs, not the
 * intentions of one user.
 */
export const holdWorkload = (descriptor: number, options: HoldOptions = {}): WorkloadProcess => {
  const { pid, uid, gid } = peerCredentials(descriptor);
  if (pid === undefined) throw new Error('workloads can be told apart on Linux only');
  if (pid <= 0) throw unknown('its process is in a pid namespace that the agent does not see');
  checkNamed(uid, gid);
  const groups = peerGroups(descriptor);
  let pidfd: number | undefined = pidfdOf(descriptor, pid, options);
  const read = (): ProcessState => processState(pid, options.peerPidfd === false ? undefined : pidfd, options.auxv);
  let state: ProcessState;
  try {
    state = stateAtStart(pidfd, read, { uid, gid });
  } catch (error) {
    closeSync(pidfd);
    throw error;
  }
  return {
    pid,
    uid,
    gid,
    groups,
    ...(state.program !== undefined && { program: state.program }),
    isSame: () => pidfd !== undefined && isRunningAs(pidfd, read, state),
    close: () => {
      if (pidfd === undefined) return;
      closeSync(pidfd);
      pidfd = undefined;
    },
  };
};
