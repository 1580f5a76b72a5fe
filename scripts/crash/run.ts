// `npm run crash`: kills a server under load, again and again, and counts what its ledger and its clients lost.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CampaignResult, crashCampaign, isSound } from './campaign.ts';
import { crashFoundings, type FoundingResult } from './founding.ts';

const USAGE = 'npm run crash -- [--kills N] [--keep]';
const DEFAULT_KILLS = '50';

const list = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

/** One line: what was done, then what must be nothing. */
const summary = (result: CampaignResult, foundings: FoundingResult): string => {
  const killed = Object.values(result.kills).reduce((sum, count) => sum + count, 0);
  const done = [
    `${killed} kills (${list(result.kills)})`,
    `${result.startsBySelf} starts`,
    `${foundings.kills} first starts cut off`,
    `${result.entries} entries`,
    `${result.credentials} credentials issued`,
    `${result.held} held`,
    `${result.revocations} revocations acknowledged`,
  ];
  const found = [
    `${result.notInLedger} held but not in the ledger`,
    `${result.twice} twice`,
    `${result.afterRevocation} issued after revocation`,
    `${result.rootDiffers} roots that differ`,
    `${result.notOpening} openings that do not fit`,
    `${result.locked} honest clients locked`,
    `${result.turnedAway} turned away`,
    `${result.stuck} stuck`,
    `${result.doesNotStart} starts or stops that failed`,
    `${foundings.problems.length} first starts not made good`,
  ];
  return `${done.join(', ')}; ${found.join(', ')}`;
};

const readKills = (): { kills: number; keep: boolean } | undefined => {
  try {
    const { values } = parseArgs({
      options: { kills: { type: 'string', default: DEFAULT_KILLS }, keep: { type: 'boolean', default: false } },
    });
    const kills = Number(values.kills);
    return Number.isSafeInteger(kills) && kills > 0 ? { kills, keep: values.keep } : undefined;
  } catch {
    return undefined;
  }
};

const options = readKills();
if (options) {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-crash-'));
  // So that no server is left behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const progress = (line: string): void => void process.stderr.write(`crash: ${line}\n`);
  const result = await crashCampaign({ folder, kills: options.kills, progress });
  const foundings = await crashFoundings(folder, progress);
  progress(`answered: ${list(result.answered)}; ${result.notReached} points not reached in time`);
  for (const problem of [...result.problems, ...foundings.problems]) progress(problem);
  if (options.keep) progress(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  process.stdout.write(`${summary(result, foundings)}\n`);
  process.exit(isSound(result) && foundings.problems.length === 0 ? 0 : 1);
}
process.stderr.write(`${USAGE}\n`);
process.exit(2);
