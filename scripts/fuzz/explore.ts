import type { Coverage } from './coverage.ts';
import { Random } from './random.ts';
import { Finding, type Target } from './target.ts';

const MAX_INPUT_MS = 50;
const BATCH = 64;
const MAX_FINDINGS = 20;

export interface Found {
  readonly input: Uint8Array;
  readonly problem: string;
}

export interface Explored {
  readonly executions: number;
  readonly accepted: number;
  readonly corpus: number;
  readonly found: readonly Found[];
}

export interface Budget {
  readonly seed: string;
  readonly milliseconds: number;
  /** Ends earlier than the time when given. */
  readonly runs?: number;
}

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** What stays the same when the same thing goes wrong with other bytes. */
const kindOf = (problem: string): string => problem.split('\n', 2).join(' ').replaceAll(/\d+/g, '0');

const problemOf = (error: unknown): string => {
  if (error instanceof Finding) return error.message;
  return Error.isError(error) ? (error.stack ?? error.message) : `a ${typeof error} was thrown`;
};

/** Feeds one input; what went wrong, if anything. */
export class Judge {
  readonly #target: Target;
  accepted = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  async judge(input: Uint8Array): Promise<string | undefined> {
    const start = performance.now();
    try {
      const outcome = this.#target.run(input);
      if (typeof outcome === 'boolean' ? outcome : await outcome) this.accepted += 1;
    } catch (error) {
      return problemOf(error);
    }
    const { maxMs = MAX_INPUT_MS } = this.#target;
    return performance.now() - start > maxMs ? this.#slow(input, maxMs) : undefined;
  }

  /** A pause of the machine or of the collector does not come back at the same place; a slow reader does. */
  async #slow(input: Uint8Array, maxMs: number): Promise<string | undefined> {
    let best = Infinity;
    for (let time = 0; time < 5; time++) {
      const [start, cpuStart] = [performance.now(), threadMs()];
      await this.#target.run(input);
      // Some kernels count CPU time in ticks of several milliseconds, so that it may be more than what passed.
      best = Math.min(best, performance.now() - start, threadMs() - cpuStart);
    }
    return best > maxMs ? `takes ${Math.round(best)} ms of CPU` : undefined;
  }
}

/** Tries changed inputs until the budget is spent; inputs that reach new code are changed further. */
export const explore = async (
  target: Target,
  coverage: Coverage,
  budget: Budget,
  onInput: (input: Uint8Array) => void,
): Promise<Explored> => {
  const random = new Random(budget.seed);
  const judge = new Judge(target);
  const corpus: Uint8Array[] = [...target.seeds];
  const found = new Map<string, Found>();
  let executions = 0;

  const feed = async (input: Uint8Array): Promise<void> => {
    onInput(input);
    executions += 1;
    const problem = await judge.judge(input);
    if (problem === undefined || found.has(kindOf(problem))) return;
    found.set(kindOf(problem), { input: Uint8Array.from(input), problem });
  };
  /** New code somewhere in a batch: one by one, to learn which inputs reached it. */
  const keepNew = async (batch: readonly Uint8Array[]): Promise<void> => {
    for (const input of batch) {
      await feed(input);
      if (coverage.take() > 0) corpus.push(input);
    }
  };

  for (const seed of target.seeds) await feed(seed);
  coverage.take();
  const end = performance.now() + budget.milliseconds;
  while (performance.now() < end && executions < (budget.runs ?? Infinity) && found.size < MAX_FINDINGS) {
    // The youngest were kept for the rarest code, so that they come more often.
    const young = corpus.slice(Math.max(target.seeds.length, corpus.length - 32));
    const pool = young.length > 0 && random.oneIn(2) ? [...target.seeds.slice(0, 2), ...young] : corpus;
    const batch = Array.from({ length: BATCH }, () => target.mutate(random, pool));
    for (const input of batch) await feed(input);
    if (coverage.take(false) > 0) await keepNew(batch);
  }
  return { executions, accepted: judge.accepted, corpus: corpus.length, found: [...found.values()] };
};
