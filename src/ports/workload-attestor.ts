/** A process at the other end of the agent's socket, held so that its id cannot come to mean another one. */
export interface WorkloadProcess {
  /** As the kernel recorded them when the connection was made. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Is the process that connected still running, and running the same program? */
  isSame(): boolean;
}

/** Proves facts about a local process from outside of it (WLE-7, WLE-8). */
export interface WorkloadAttestor {
  /** What its selectors begin with: `unix`, `systemd`, `docker`, `k8s`. */
  readonly type: string;
  /**
   * `type:key:value` selectors, sorted; empty when the process is none of its kind. Rejects when it cannot tell. Whoever
   * calls it asks `process.isSame()` after the answer: what was read from `/proc` is worth nothing before.
   */
  attest(process: WorkloadProcess, signal: AbortSignal): Promise<readonly string[]>;
}
