import { Refusal } from '../domain/refusal.ts';
import { selectorProblem } from '../domain/selector.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import type { WorkloadAttestor, WorkloadProcess } from '../ports/workload-attestor.ts';

/** Half of the second within which a caller is to have its answer. */
const TIME_LIMIT_MS = 500;
/** For all attestors together; what the most decorated container has is far below. */
const MOST_SELECTORS = 4096;
const LOG_EVERY_MS = 60_000;

export interface WorkloadAttestation {
  readonly attestors: readonly WorkloadAttestor[];
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly delays: Delays;
  readonly logger: Logger;
  /** Told each time that one could not tell, by its type; for numbers. */
  readonly failed?: (attestor: string) => void;
  /** For each attestor, in milliseconds; they work side by side. Default: 500. */
  readonly timeLimitMs?: number;
}

/** What is known of a process. */
export interface AttestedWorkload {
  /** Sorted, none twice, all well-formed, 4096 at most. */
  readonly selectors: readonly string[];
  /** Types of the attestors that failed, were late or did not finish: the process may have more selectors of theirs. */
  readonly untold: readonly string[];
}

/**
 * Asks who a process is. An attestor that fails or is late only lacks its own selectors. Refuses with `unavailable` when all of
 * them failed or the signal aborted, and with `unauthenticated` when the process ended, changed its user, or runs another
 * program than at connect (WLAPI-10).
 */
export type AttestWorkload = (process: WorkloadProcess, signal: AbortSignal) => Promise<AttestedWorkload>;

const reasonOf = (error: unknown): string => {
  const { message } = error as { readonly message?: unknown };
  return typeof message === 'string' ? message : 'it gave no reason';
};

/** Lines about attestors that fail: each attestor once a minute at most, however many callers there are. */
const complaints = ({ clock, logger }: WorkloadAttestation): ((attestor: string, reason: string) => void) => {
  const last = new Map<string, number>();
  return (attestor, reason) => {
    const now = clock.monotonic();
    const before = last.get(attestor);
    if (before !== undefined && now - before < LOG_EVERY_MS) return;
    last.set(attestor, now);
    logger.warn('a workload attestor failed: callers lack its selectors', { attestor, reason });
  };
};

/** Runs `work` with a signal that aborts with `outer`, and after the time limit. */
const withinLimit = async <T>(
  { delays, timeLimitMs = TIME_LIMIT_MS }: WorkloadAttestation,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const limit = new AbortController();
  const abort = (): void => limit.abort(outer.reason);
  const stop = delays.after(timeLimitMs, () => limit.abort(new Error(`no answer within ${timeLimitMs} ms`)));
  outer.addEventListener('abort', abort, { once: true });
  try {
    return await work(limit.signal);
  } finally {
    stop();
    outer.removeEventListener('abort', abort);
  }
};

const rejectionOn = (signal: AbortSignal): { readonly rejects: Promise<never>; end(): void } => {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  // Nobody may be waiting when it comes.
  promise.catch(() => undefined);
  return { rejects: promise, end: () => signal.removeEventListener('abort', abort) };
};

/** Whatever attestors do with the signal, nobody waits for them beyond it. */
const askAll = async (
  attestors: readonly WorkloadAttestor[],
  process: WorkloadProcess,
  signal: AbortSignal,
  unfinished: (type: string) => void,
): Promise<readonly PromiseSettledResult<readonly string[]>[]> => {
  const aborted = rejectionOn(signal);
  try {
    return await Promise.allSettled(
      attestors.map(async (attestor) => {
        const told = attestor.attest(process, signal, () => unfinished(attestor.type));
        return Promise.race([told, aborted.rejects]);
      }),
    );
  } finally {
    aborted.end();
  }
};

const unavailable = (reason: string): Refusal =>
  new Refusal('unavailable', 'it cannot be told now who is calling', { reason, retryAfter: 1 });

const checkSame = (process: WorkloadProcess): void => {
  if (process.isSame()) return;
  throw new Refusal(
    'unauthenticated',
    'the process that connected ended, changed its user or runs another program: connect again',
  );
};

/** What of an attestor's answer may be used: its own type, and written as selectors are. */
const usable = (type: string, selectors: readonly string[]): readonly string[] =>
  selectors.filter((selector) => selector.startsWith(`${type}:`) && selectorProblem(selector) === undefined);

/** Asks all attestors at once. Takes as long as the slowest of them, and never longer than the time limit. */
export const workloadAttestation = (options: WorkloadAttestation): AttestWorkload => {
  const { attestors } = options;
  const complain = complaints(options);

  const selectorsOf = (answers: readonly PromiseSettledResult<readonly string[]>[]): readonly string[] => {
    const found = new Set<string>();
    for (const [at, answer] of answers.entries()) {
      const type = attestors[at]?.type ?? '';
      if (answer.status === 'rejected') {
        options.failed?.(type);
        complain(type, reasonOf(answer.reason));
        continue;
      }
      const good = usable(type, answer.value);
      if (good.length < answer.value.length)
        complain(type, `${answer.value.length - good.length} selectors are not well-formed`);
      for (const selector of good) found.add(selector);
    }
    return [...found].sort();
  };

  return async (process, signal) => {
    if (signal.aborted) throw unavailable('the caller does not wait any more');
    const unfinished = new Set<string>();
    const answers = await withinLimit(options, signal, (limit) =>
      askAll(attestors, process, limit, (type) => unfinished.add(type)),
    );
    if (signal.aborted) throw unavailable('the caller does not wait any more');
    // After the answers: what they read of a process id is worth nothing unless it was the caller's all along.
    checkSame(process);
    const selectors = selectorsOf(answers);
    if (answers.every(({ status }) => status === 'rejected')) throw unavailable('all workload attestors failed');
    for (const type of unfinished) complain(type, 'it did not finish in time');
    const isUntold = (type: string, at: number): boolean => answers[at]?.status !== 'fulfilled' || unfinished.has(type);
    const untold = attestors.filter(({ type }, at) => isUntold(type, at)).map(({ type }) => type);
    if (selectors.length > MOST_SELECTORS) throw unavailable(`the caller has more than ${MOST_SELECTORS} selectors`);
    return { selectors, untold };
  };
};
