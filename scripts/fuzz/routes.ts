import { parentPort, workerData } from 'node:worker_threads';
import { exerciseApi } from '../../test/support/exercise-api.ts';
import { Journey } from '../../test/support/journey.ts';
import { Random } from './random.ts';
import type { Report, Work } from './worker.ts';

/** A whole server over real sockets, asked for everything that its API documents name; see `exerciseApi`. */
const { seed, milliseconds, runs } = workerData as Work;

const journey = await Journey.start();
const end = performance.now() + milliseconds;
const { requests, answered, reached, problems } = await exerciseApi(
  journey,
  new Random(`${seed} routes`),
  (rounds) => performance.now() < end && rounds < (runs ?? Infinity),
);
const failures = journey.log.lines.flatMap(({ message, fields }) =>
  message === 'a request failed' ? [JSON.stringify(fields)] : [],
);
await journey.stop();
parentPort?.postMessage({
  executions: requests,
  accepted: answered,
  corpus: reached.size,
  found: [...problems, ...new Set(failures)].map((problem) => ({ input: Buffer.from(problem), problem })),
  coverage: 0,
} satisfies Report);
