/** The file that a process runs, by its place on disk: a path may come to mean another file, or mean another elsewhere. */
export interface ProgramFile {
  readonly device: bigint;
  readonly inode: bigint;
}

/** A process at the other end of the agent's socket, held so that its id cannot come to mean another one. */
export interface WorkloadProcess {
  readonly pid: number;
  /** Effective user, effective group and supplementary groups, as the kernel recorded them when the connection was made. */
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** What it runs since the agent took it up; absent where the kernel does not let the agent look. */
  readonly program?: ProgramFile;
  /** Is the process that connected still running, with the same user, and the same program? False once closed. */
  isSame(): boolean;
  /** Lets go of the process. May be called twice. */
  close(): void;
}

/** Proves facts about a local process from outside of it (WLE-7, WLE-8). */
export interface WorkloadAttestor {
  /** What its selectors begin with: `unix`, `systemd`, `docker`, `k8s`. */
  readonly type: string;
  /**
   * `type:key:value` selectors, in any order; empty when the process is none of its kind. Rejects when it cannot tell. Whoever
   * calls it asks `process.isSame()` after the answer: what was read from `/proc` is worth nothing before. `unfinished` is
   * called when it answers without what takes it longer: asked again in a moment, it may tell more.
   */
  attest(process: WorkloadProcess, signal: AbortSignal, unfinished?: () => void): Promise<readonly string[]>;
}
