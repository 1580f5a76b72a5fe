import { Session, type Profiler } from 'node:inspector';

/** Which characters of our sources lie in functions, and which of those have run. */
interface File {
  readonly inFunction: Uint8Array;
  readonly ran: Uint8Array;
}

/**
 * Coverage by block, as V8 counts it for this thread; Node's own inspector gives it, so that no package and no changed
 * sources are needed. Start it before the code under test is loaded: only then is it known which functions there are.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #files = new Map<string, File>();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  /** What ran since the last call: how many characters of functions for the first time. `keep` false only asks. */
  take(keep = true): number {
    let added = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      for (const script of result) if (script.url.includes('/src/')) added += this.#add(script, keep);
    });
    return added;
  }

  /** Percent of the characters of all functions, of the files whose path ends with one of `sources`. */
  share(sources: readonly string[]): number {
    let all = 0;
    let ran = 0;
    for (const [url, file] of this.#files) {
      if (!sources.some((source) => url.endsWith(`/src/${source}`))) continue;
      file.inFunction.forEach((isInside, at) => {
        all += isInside;
        ran += isInside & (file.ran[at] ?? 0);
      });
    }
    return all === 0 ? 0 : (100 * ran) / all;
  }

  #add({ url, functions }: Profiler.ScriptCoverage, keep: boolean): number {
    const [whole] = functions[0]?.ranges ?? [];
    const known = this.#files.get(url);
    if (known === undefined) {
      const length = whole?.endOffset ?? 0;
      const file = { inFunction: new Uint8Array(length), ran: new Uint8Array(length) };
      for (const { functionName, ranges } of functions) {
        const [range] = ranges;
        if (range !== undefined && (functionName !== '' || range.startOffset > 0)) {
          file.inFunction.fill(1, range.startOffset, range.endOffset);
        }
      }
      this.#files.set(url, file);
      return 0;
    }
    const now = new Uint8Array(known.ran.length);
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) now.fill(Math.min(count, 1), startOffset, endOffset);
    }
    let added = 0;
    now.forEach((ran, at) => {
      if (ran === 1 && known.ran[at] === 0 && known.inFunction[at] === 1) {
        if (keep) known.ran[at] = 1;
        added += 1;
      }
    });
    return added;
  }
}
