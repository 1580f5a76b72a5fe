import { pidfdGetInfo } from './linux-calls.ts';

/** Real, effective, saved and file-system ids of a process. */
export interface ProcessIds {
  /** All eight, in whatever form: equal when they are. */
  readonly ids: string;
  readonly euid: number;
  readonly egid: number;
}

/** struct pidfd_info of linux/pidfd.h, as of Linux 6.13: a mask with 64 bits, the cgroup with 64, three process ids, then the ids. */
const INFO_BYTES = 64;
const CREDENTIALS = 0x2;
const IDS = 28;
const IDS_END = 60;
const EUID = 36;
const EGID = 40;

const info = Buffer.alloc(INFO_BYTES);
let isKnown = true;

/**
 * The ids of the process behind a pidfd, in one system call that needs no right over it. Undefined where the kernel does not have that
 * (before Linux 6.13), and when nothing is left of the process.
 */
export const idsOfPidfd = (pidfd: number): ProcessIds | undefined => {
  if (!isKnown) return undefined;
  info.fill(0);
  info.writeUInt32LE(CREDENTIALS, 0);
  const outcome = pidfdGetInfo(pidfd, info);
  if (outcome === 'unknown') isKnown = false;
  if (outcome !== 'told' || (info.readUInt32LE(0) & CREDENTIALS) === 0) return undefined;
  return {
    ids: info.toString('latin1', IDS, IDS_END),
    euid: info.readUInt32LE(EUID),
    egid: info.readUInt32LE(EGID),
  };
};
