import { join } from 'node:path';
import { csrOf, heldX509, type X509Answer } from '../../../scripts/crash/credentials.ts';
import { Population } from '../../../scripts/crash/population.ts';
import { newKey } from '../../support/x509.ts';
import { auditOf, check, pidOf, report, settle, start, trace, type World, writerThread } from './harness.ts';

const CANNOT_GO_ON = 3;
/** Asked for at once, so that several stand in the batch that fails. */
const TOGETHER = 4;
/** More storage calls than one batch makes. */
const MANY = 200;

/** A process that cannot go on ends at once; this is far longer. */
const END_MS = 10_000;

type Outcome = 'credential' | 'refused' | 'no answer';

/** One request for an X.509-SVID, without a second try. What comes is held. */
const askOnce = async ({ all, agent, entry }: World): Promise<Outcome> => {
  const items = [{ csr: csrOf(newKey()), entryId: entry.id }];
  try {
    const answer = await all.lives.api(agent).postJson('/v1/svids/x509', { items });
    const [svid] = (answer.json() as { items?: X509Answer[] }).items ?? [];
    if (!svid) return 'refused';
    all.held.add(heldX509(svid));
    return 'credential';
  } catch {
    return 'no answer';
  }
};

interface Fault {
  readonly call: 'pwrite64' | 'fsync' | 'pread64';
  readonly error: string;
  /** Which call of a batch fails. */
  readonly nth: number;
}

/** Runs a server whose nth storage call fails while clients ask. False when a batch has fewer calls than that. */
const tryFault = async (world: World, { call, error, nth }: Fault): Promise<boolean> => {
  const name = `${call} ${nth} fails with ${error}`;
  const server = await start(world.dataDir);
  world.all.begin(server.life);
  const thread = writerThread(pidOf(server.life));
  const inject = `inject=${call}:error=${error}:when=${nth}`;
  const seen = await trace(thread, ['-e', `trace=${call}`, '-e', inject]);
  const outcomes = await Promise.all(Array.from({ length: nth === 1 ? TOGETHER : 1 }, () => askOnce(world)));
  const log = await seen.end();
  const fired = log.includes('(INJECTED)');
  if (!fired) server.kill('SIGTERM');
  const late = setTimeout(() => server.kill('SIGKILL'), END_MS);
  const how = await server.ended;
  clearTimeout(late);
  world.all.lives.end();
  if (!fired) return false;
  check(
    `${name}: nothing leaves`,
    outcomes.every((outcome) => outcome !== 'credential'),
    outcomes.join(', '),
  );
  check(`${name}: the process ends`, how === CANNOT_GO_ON, () => `it ended with ${String(how)}: ${server.said()}`);
  report(`${name}: the ledger`, auditOf(world.dataDir, world.all.held.path));
  return true;
};

/**
 * Runs a server whose front end cannot read the store once. It may refuse or end, but what it answers is on record, and it
 * does not stay broken. False when a request reads less often than that.
 */
const tryUnreadable = async (world: World, nth: number): Promise<boolean> => {
  const name = `read ${nth} of a front end fails`;
  const server = await start(world.dataDir);
  world.all.begin(server.life);
  const inject = `inject=pread64:error=EIO:when=${nth}`;
  const seen = await trace(pidOf(server.life), ['-e', 'trace=pread64', '-e', inject]);
  const outcome = await askOnce(world);
  const fired = (await seen.end()).includes('(INJECTED)');
  const next = fired ? await askOnce(world) : outcome;
  server.kill('SIGTERM');
  const how = await server.ended;
  world.all.lives.end();
  if (!fired) return false;
  const isWell = how === 0 ? next === 'credential' : how === CANNOT_GO_ON;
  check(
    `${name}: it goes on or ends`,
    isWell,
    () => `${outcome}, then ${next}, ended with ${String(how)}: ${server.said()}`,
  );
  report(`${name}: the ledger`, auditOf(world.dataDir, world.all.held.path));
  return true;
};

/** Every call of that kind in one batch, one after another. */
const tryEach = async (world: World, call: Fault['call'], error: string): Promise<number> => {
  let nth = 1;
  while (nth < MANY && (await tryFault(world, { call, error, nth }))) nth += 1;
  return nth - 1;
};

/** DEC-8: when the storage fails, the process ends, nothing of the batch leaves, and the next start recovers. */
export const failedStorage = async (folder: string): Promise<void> => {
  const dataDir = join(folder, 'data');
  const all = new Population(join(folder, 'held.ndjson'));
  const first = await start(dataDir);
  all.begin(first.life);
  const world = await settle(all, dataDir);
  all.lives.end();
  first.kill('SIGTERM');
  await first.ended;

  const syncs = await tryEach(world, 'fsync', 'EIO');
  check('a batch has an fsync', syncs > 0);
  const writes = await tryEach(world, 'pwrite64', 'EIO');
  check('a batch has writes', writes > 10, String(writes));
  for (const error of ['ENOSPC', 'EROFS', 'EDQUOT']) await tryFault(world, { call: 'pwrite64', error, nth: 2 });
  console.error(`strace: ${syncs} fsync and ${writes} writes of a batch failed, one after another`);

  const writerReads = await tryEach(world, 'pread64', 'EIO');
  let reads = 0;
  while (reads < MANY && (await tryUnreadable(world, reads + 1))) reads += 1;
  console.error(`strace: ${writerReads} reads of the writer and ${reads} of a front end failed, one after another`);

  const last = await start(dataDir);
  all.begin(last.life);
  check('it issues again', (await askOnce(world)) === 'credential');
  all.lives.end();
  last.kill('SIGTERM');
  check('it stops in order', (await last.ended) === 0);
  report('the ledger in the end', auditOf(dataDir, all.held.path));
};
