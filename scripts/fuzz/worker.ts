import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { explore, Judge, type Explored } from './explore.ts';
import { loadTarget } from './targets.ts';

/** What the thread of one target is told. */
export interface Work {
  readonly target: string;
  readonly seed: string;
  readonly milliseconds: number;
  readonly runs?: number;
  /** Feed this one only. */
  readonly replay?: Uint8Array;
  /** The length of the input that is being read, and the input: what is left of a thread that hangs. */
  readonly current: SharedArrayBuffer;
}

export type Report = Explored & { readonly coverage: number };

const { target: name, seed, milliseconds, runs, replay, current } = workerData as Work;
const length = new Int32Array(current, 0, 2);
const place = new Uint8Array(current, 8);

const show = (input: Uint8Array): void => {
  place.set(input);
  Atomics.store(length, 0, input.length);
  Atomics.add(length, 1, 1);
};

const coverage = new Coverage();
coverage.start();
const target = await loadTarget(name);
coverage.take();

const replayed = async (input: Uint8Array): Promise<Explored> => {
  const judge = new Judge(target);
  show(input);
  const problem = await judge.judge(input);
  const found = problem === undefined ? [] : [{ input, problem }];
  return { executions: 1, accepted: judge.accepted, corpus: 0, found };
};

const explored = replay
  ? await replayed(replay)
  : await explore(
      target,
      coverage,
      { seed: `${seed} ${name}`, milliseconds, ...(runs !== undefined && { runs }) },
      show,
    );
coverage.take();
parentPort?.postMessage({ ...explored, coverage: coverage.share(target.sources) } satisfies Report);
