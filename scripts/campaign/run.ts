// `npm run campaign`: a trust domain for days or years of made-up time; its keys rotate, and are lost.
import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';
import type { Tally } from './tally.ts';

const USAGE = 'npm run campaign -- [--days N] [--agents N] [--hourly N]';
const LEAST_DAYS = 30;
/** What a server gives unless told. Seconds. */
const DEFAULT_TTL = 3600;

const readOptions = () => {
  try {
    const { values } = parseArgs({
      options: {
        days: { type: 'string', default: '400' },
        agents: { type: 'string', default: '97' },
        hourly: { type: 'string', default: '3' },
      },
    });
    const [days, agents, hourly] = [values.days, values.agents, values.hourly].map(Number);
    const isFine = [days, agents, hourly].every((each) => Number.isSafeInteger(each) && Number(each) > 0);
    if (!isFine || days === undefined || agents === undefined || hourly === undefined) return undefined;
    return days < LEAST_DAYS ? undefined : { days, agents, hourly };
  } catch {
    return undefined;
  }
};

/** One line: what was done, then what must be nothing. */
const summary = (days: number, tally: Tally): string => {
  const issued = Object.entries(tally.issued).map(([kind, count]) => `${count} ${kind}`);
  const done = [
    `${days} days`,
    ...issued,
    `${tally.attestations} attestations`,
    `${tally.rootsCrossed} changes of root`,
    `${tally.incidents.length} incidents`,
    `${tally.comebacks} agents came back within ${tally.longestGap} s`,
    `${tally.restarts} restarts`,
    `${tally.judgements} verifications`,
  ];
  return `${done.join(', ')}; ${tally.problemCount} problems`;
};

const options = readOptions();
if (options) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const progress = (line: string): void => void process.stderr.write(`campaign: ${line}\n`);
  const tally = await campaign({ ...options, ownTtl: DEFAULT_TTL, progress });
  for (const each of [...tally.incidents, ...tally.problems]) progress(each);
  process.stdout.write(`${summary(options.days, tally)}\n`);
  process.exit(tally.problemCount === 0 ? 0 : 1);
}
process.stderr.write(`${USAGE}\n  N of --days is at least ${LEAST_DAYS}\n`);
process.exit(2);
