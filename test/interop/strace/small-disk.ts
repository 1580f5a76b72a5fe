import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { csrOf, heldX509, type X509Answer } from '../../../scripts/crash/credentials.ts';
import { Population } from '../../../scripts/crash/population.ts';
import { startToCrash } from '../../../scripts/crash/start-server.ts';
import { newKey } from '../../support/x509.ts';
import { auditOf, check, report, settle, start, type World } from './harness.ts';

const CANNOT_GO_ON = 3;
const SMALL = 'size=2m';
const LARGE = 'size=64m';

const mount = (...args: readonly string[]): boolean => spawnSync('mount', [...args]).status === 0;

/** Issues until the server gives no more; how many came. */
const fill = async (world: World): Promise<number> => {
  for (let issued = 0; ; ) {
    const items = Array.from({ length: 20 }, () => ({ csr: csrOf(newKey()), entryId: world.entry.id }));
    try {
      const answer = await world.all.lives.api(world.agent).postJson('/v1/svids/x509', { items });
      if (answer.status === 429) continue;
      const given = (answer.json() as { items?: X509Answer[] }).items ?? [];
      if (given.length === 0) return issued;
      world.all.held.add(...given.map(heldX509));
      issued += given.length;
    } catch {
      return issued;
    }
  }
};

const issuesOne = async ({ all, agent, entry }: World): Promise<boolean> => {
  const items = [{ csr: csrOf(newKey()), entryId: entry.id }];
  const answer = await all.lives.persist(() => all.lives.api(agent).postJson('/v1/svids/x509', { items }));
  return answer.status === 200;
};

/** One sentence for the operator, beside what goes to the log, and an exit after which a supervisor tries again. */
const refusesToStart = async (name: string, dataDir: string): Promise<void> => {
  const server = await startToCrash(dataDir);
  const how = await server.ended;
  const said = server
    .said()
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
  check(`${name}: it does not start`, server.life === undefined && how === CANNOT_GO_ON, String(how));
  check(`${name}: one sentence`, said.length <= 2 && !said.join('').includes('    at '), said.join(' | '));
};

/** A disk that fills up, and one that is read-only: a tmpfs of its own, for which one has to be root. */
export const smallDisk = async (folder: string): Promise<void> => {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  if (process.getuid?.() !== 0 || !mount('-t', 'tmpfs', '-o', SMALL, 'mayfly', disk)) {
    console.log('not tried: a small disk of its own, since only root may mount one');
    return;
  }
  try {
    const dataDir = join(disk, 'data');
    const all = new Population(join(folder, 'held.ndjson'));
    const server = await start(dataDir);
    all.begin(server.life);
    const world = await settle(all, dataDir);
    const issued = await fill(world);
    check('full disk: it was filled', issued > 20, String(issued));
    check('full disk: the process ends', (await server.ended) === CANNOT_GO_ON, server.said);
    all.lives.end();
    report('full disk: the ledger', auditOf(dataDir, all.held.path));
    await refusesToStart('full disk', dataDir);

    check('read-only disk: remounted', mount('-o', 'remount,ro', disk));
    await refusesToStart('read-only disk', dataDir);

    check('larger disk: remounted', mount('-o', `remount,rw,${LARGE}`, disk));
    const again = await start(dataDir);
    all.begin(again.life);
    check('larger disk: it issues again', await issuesOne(world));
    all.lives.end();
    again.kill('SIGTERM');
    check('larger disk: it stops in order', (await again.ended) === 0);
    report('larger disk: the ledger', auditOf(dataDir, all.held.path));
    console.error(`strace: a disk of 2 MiB was full after ${issued} credentials`);
  } finally {
    spawnSync('umount', [disk]);
  }
};
