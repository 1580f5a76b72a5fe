/** Repeats work in the background. Each run starts `everyMs` after the one before ended, so that runs never overlap. */
export interface Timers {
  /** Returns a function that stops it; a run under way is not cut short. `work` must not reject. */
  repeat(everyMs: number, work: () => Promise<void> | void): () => void;
}

/** Does work once, later. */
export interface Delays {
  /** Runs `work` after `delayMs`; the function returned calls it off. */
  after(delayMs: number, work: () => void): () => void;
}
