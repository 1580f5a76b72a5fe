import type { OwnSvid } from '../ports/agent-state.ts';

/** The SVID whose authority is gone from the bundle: nobody takes it. Who needs one that is taken may wait here. */
export class CutOff {
  #svid: OwnSvid | undefined;
  readonly #waiting = new Set<() => void>();

  is(svid: OwnSvid | undefined): boolean {
    return svid !== undefined && svid === this.#svid;
  }

  mark(svid: OwnSvid | undefined): void {
    this.#svid = svid;
  }

  /** Resolves at once for another SVID; for this one when it was tried to replace it. */
  async tried(svid: OwnSvid | undefined): Promise<void> {
    if (!this.is(svid)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    await promise;
  }

  /** It was tried, with success or without. */
  letGo(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
