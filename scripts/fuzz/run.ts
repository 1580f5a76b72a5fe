// `npm run fuzz`: feeds changed inputs to everything that reads bytes from outside. Ends with `N passed, N failed`, a target each.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { MAX_INPUT_BYTES } from './mutate.ts';
import { TARGETS } from './targets.ts';
import type { Report, Work } from './worker.ts';

/** Requests to a whole server instead of bytes to one reader. */
const ROUTES = 'routes';
const NAMES = [...Object.keys(TARGETS), ROUTES];

const USAGE = `npm run fuzz -- [options]
  --minutes N     time for all targets together (1)
  --seed TEXT     the same seed tries the same inputs, but for ECDSA signatures made on the way (mayfly)
  --runs N        ends each target after so many inputs (routes: rounds), whatever the time
  --only LIST     of ${NAMES.join(', ')}
  --replay FILE   feeds one saved input to the one target of --only`;

/** Longer than any honest input takes, on a busy machine too. */
const HANGS_AFTER_MS = 10_000;

const options = () => {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: 'mayfly' },
      runs: { type: 'string' },
      only: { type: 'string', default: NAMES.join(',') },
      replay: { type: 'string' },
    },
  });
  const targets = values.only.split(',');
  const minutes = Number(values.minutes);
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  const isGood = minutes > 0 && (runs === undefined || runs > 0) && targets.every((name) => NAMES.includes(name));
  if (!isGood || (values.replay !== undefined && (targets.length !== 1 || targets[0] === ROUTES)))
    throw new RangeError(USAGE);
  return { targets, minutes, runs, seed: values.seed, replay: values.replay };
};

const NOTHING: Report = { executions: 0, accepted: 0, corpus: 0, found: [], coverage: 0 };

/** Runs one target in a thread of its own, and gives up on it when an input never comes back. */
const runTarget = (work: Omit<Work, 'current'>): Promise<Report> => {
  const current = new SharedArrayBuffer(8 + 4 * MAX_INPUT_BYTES);
  const counters = new Int32Array(current, 0, 2);
  const worker = new Worker(new URL(work.target === ROUTES ? 'routes.ts' : 'worker.ts', import.meta.url), {
    workerData: { ...work, current } satisfies Work,
  });
  const { promise, resolve } = Promise.withResolvers<Report>();
  const give = (problem: string): void => {
    const input = Uint8Array.from(new Uint8Array(current, 8, Atomics.load(counters, 0)));
    resolve({ ...NOTHING, found: [{ input, problem }] });
    void worker.terminate();
  };
  let seen = -1;
  const watch = setInterval(() => {
    const now = Atomics.load(counters, 1);
    if (now > 0 && now === seen) give(`no end after ${HANGS_AFTER_MS / 1000} s`);
    seen = now;
  }, HANGS_AFTER_MS);
  worker.once('message', (report: Report) => resolve(report));
  worker.once('error', (error: Error) => give(error.stack ?? error.message));
  worker.once('exit', () => give('the thread ended'));
  return promise.finally(() => clearInterval(watch));
};

const folders: string[] = [];

const save = (name: string, at: number, input: Uint8Array): string => {
  folders[0] ??= mkdtempSync(join(tmpdir(), 'mayfly-fuzz-'));
  const file = join(folders[0], `${name}-${at}`);
  writeFileSync(file, input);
  return file;
};

const tell = (name: string, report: Report, seconds: number): void => {
  const { executions, accepted, corpus, coverage, found } = report;
  const speed = Math.round(executions / seconds);
  console.log(
    `${name.padEnd(16)} ${String(executions).padStart(9)} inputs ${String(speed).padStart(7)}/s ` +
      `${String(accepted).padStart(8)} accepted ${String(corpus).padStart(5)} kept` +
      (name === ROUTES ? ' (operations that succeeded)' : ` ${coverage.toFixed(1).padStart(5)} % of its code`),
  );
  for (const [at, { input, problem }] of found.entries()) {
    const file = save(name, at, input);
    console.log(`FAILED ${name}: ${problem}\n  npm run fuzz -- --only ${name} --replay ${file}`);
  }
};

const main = async (): Promise<void> => {
  const { targets, minutes, runs, seed, replay } = options();
  const milliseconds = (minutes * 60_000) / targets.length;
  const input = replay === undefined ? {} : { replay: Uint8Array.from(readFileSync(replay)) };
  let failed = 0;
  for (const target of targets) {
    const start = performance.now();
    const report = await runTarget({ target, seed, milliseconds, ...(runs !== undefined && { runs }), ...input });
    tell(target, report, (performance.now() - start) / 1000);
    if (report.found.length > 0) failed += 1;
  }
  if (folders[0] !== undefined) console.log(`the inputs are kept in ${folders[0]}`);
  console.log(`${targets.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
};

try {
  await main();
} catch (error) {
  if (!(error instanceof RangeError) && !(error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
