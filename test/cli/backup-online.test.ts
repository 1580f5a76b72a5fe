import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { checkDataDir } from '../../src/adapters/sqlite/check-ledger.ts';
import { initServer } from '../../src/compose/init-server.ts';
import { Journey, recordedFacts } from '../support/journey.ts';
import type { ReadyLine } from '../support/journey-child.ts';
import { eventually } from '../support/manual-time.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

/** DEC-10, as an operator does it: the server is one process, `mayfly backup` another one beside it. */

const folder = mkdtempSync(join(tmpdir(), 'mayfly-backup-online-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mayfly = (...args: readonly string[]): readonly string[] => [join(ROOT, 'bin/mayfly.js'), ...args];
const config = ['--config', at('mayfly.yaml')];
const set = (...values: readonly string[]): readonly string[] => values.flatMap((value) => ['--set', value]);

/** Within what one identity may ask for (DEC-21). */
const EVERY_MS = 30;

interface Worked {
  readonly backup: CommandResult;
  /** How much was issued when the command began, and when it was over. */
  readonly before: number;
  readonly after: number;
}

const work = async (ready: ReadyLine): Promise<Worked> => {
  const journey = Journey.around(ready);
  await journey.entry('web');
  const web = journey.api(await journey.attest({ entry: 'web' }));
  let issued = 0;
  const signal = { stop: false };
  const issuing = (async () => {
    for (; !signal.stop; issued += 1) {
      const { status } = await web.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] });
      expect(status).toBe(200);
      await pause(EVERY_MS);
    }
  })();
  await eventually(() => issued >= 5);
  const before = issued;
  const backup = await runCommand(process.execPath, mayfly('backup', at('b.mayfly'), '--json', ...config));
  const after = issued;
  signal.stop = true;
  await issuing;
  return { backup, before, after };
};

test('a backup beside a server that issues: it notices nothing, and what comes back is a moment of its log', async () => {
  initServer({
    file: at('mayfly.yaml'),
    trustDomain: 'example.org',
    dataDir: at('data'),
    sealKey: at('keys/seal.key'),
    adminSocket: at('data/admin.sock'),
  });
  const local = ['api', 'public', 'metrics'].flatMap((name) => [`server.${name}.port=0`]);
  const addresses = ['api', 'public'].map((name) => `server.${name}.address=127.0.0.1`);
  const run = mayfly('server', 'run', '--json', ...config, ...set('server.frontEnds=1', ...local, ...addresses));
  let working: Promise<Worked> | undefined;
  const server = await runCommand(process.execPath, run, {
    onLine: (line, child) => {
      working = work(JSON.parse(line) as ReadyLine).finally(() => child.kill('SIGTERM'));
    },
  });
  expect([server.code, server.signal]).toEqual([0, null]);
  const { backup, before, after } = (await working) ?? {};
  expect([backup?.code, backup?.stderr.includes('mayfly:')]).toEqual([0, false]);
  expect(after).toBeGreaterThan(before ?? Infinity);
  expect(readFileSync(at('b.mayfly')).includes(readFileSync(at('keys/seal.key')))).toBe(false);

  const { size } = JSON.parse(backup?.stdout ?? '') as { size: number };
  const restored = await runCommand(
    process.execPath,
    mayfly('restore', at('b.mayfly'), ...config, ...set(`server.dataDir=${at('back')}`)),
  );
  expect([restored.code, restored.stderr]).toEqual([0, '']);
  expect(checkDataDir(at('back')).problems).toEqual([]);
  const leaves = (name: string) => recordedFacts(at(name)).map(({ leafHash }) => leafHash);
  expect(leaves('back')).toEqual(leaves('data').slice(0, size));
  expect(leaves('data').length).toBeGreaterThan(size);
}, 30_000);
