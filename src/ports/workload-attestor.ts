/** The executable file of a process, by device and inode: a path may come to name another file, or name another elsewhere. */
export interface ProgramFile {
  readonly device: bigint;
  readonly inode: bigint;
}

/** The process at the other end of a connection, held by a descriptor, so that its id cannot pass to another process. */
export interface WorkloadProcess {
  readonly pid: number;
  /** Effective user, effective group and supplementary groups, as the kernel recorded them when the connection was made. */
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** The program that it ran when the connection was accepted; absent where the kernel does not let the agent look. */
  readonly program?: ProgramFile;
  /** Whether the process that connected still runs, as the same user and the same program. False once closed. */
  isSame(): boolean;
  /** Lets go of the process. May be called twice. */
  close(): void;
}

/** Proves facts about a local process from outside of it (WLE-7, WLE-8). */
export interface WorkloadAttestor {
  /** What its selectors begin with: `unix`, `systemd`, `docker`, `k8s`. */
  readonly type: string;
  /**
   * Gives selectors `type:key:value` in any order; none when the process is not of its kind. Rejects when it cannot tell. The
   * caller has to check `process.isSame()` afterwards: until then, what was read from `/proc` may be of another process.
   * `unfinished` is called when the answer lacks what takes longer to find out: a later call may give more.
   */
  attest(process: WorkloadProcess, signal: AbortSignal, unfinished?: () => void): Promise<readonly string[]>;
}
