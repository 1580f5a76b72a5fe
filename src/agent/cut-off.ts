import type { OwnSvid } from '../ports/agent-state.ts';

/** The agent's own SVID, once its authority is gone from the bundle: no server accepts it. Requests wait here for a successor. */
export class CutOff {
  #svid: OwnSvid | undefined;
  readonly #waiting = new Set<() => void>();

  is(svid: OwnSvid | undefined): boolean {
    return svid !== undefined && svid === this.#svid;
  }

  mark(svid: OwnSvid | undefined): void {
    this.#svid = svid;
  }

  /** For the cut-off SVID, resolves after the next attempt to replace it; for any other, at once. */
  async nextAttempt(svid: OwnSvid | undefined): Promise<void> {
    if (!this.is(svid)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await promise;
  }

  /** An attempt was made, successful or not: lets everyone who waits go on. */
  attempted(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
