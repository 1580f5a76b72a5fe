import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../../scripts/crash/agent.ts';
import { Audit } from '../../scripts/crash/audit.ts';
import { Population } from '../../scripts/crash/population.ts';
import { startToCrash } from '../../scripts/crash/start-server.ts';
import { Journey } from '../support/journey.ts';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

const MAYFLY = join(ROOT, 'bin', 'mayfly.js');

const folder = mkdtempSync(join(tmpdir(), 'mayfly-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the program on a folder where it must not start; what it tells the operator. */
const refusal = async (dataDir: string): Promise<string> => {
  const { code, stderr } = await runCommand(process.execPath, [MAYFLY, 'dev', '--data-dir', dataDir], {
    onLine: (_, child) => child.kill('SIGKILL'),
  });
  expect(code).toBe(1);
  const [note, ...sentences] = stderr.trimEnd().split('\n');
  expect(note).toContain('for trying out');
  expect(sentences).toHaveLength(1);
  return sentences[0] ?? '';
};

describe('a server on a folder that another one holds', () => {
  test('refuses with one sentence, and leaves the other alone', async () => {
    const dataDir = join(folder, 'held');
    const journey = await Journey.start({ dataDir });
    try {
      const size = journey.size();
      expect(await refusal(dataDir)).toBe(
        `mayfly: the server does not start: another Mayfly server is running on ${dataDir}`,
      );
      expect(journey.size()).toBe(size);
      expect((await journey.public().ask('/readyz')).status).toBe(200);
      await journey.attest({ agent: 'node' });
    } finally {
      await journey.stop();
    }
  });
});

describe('a server whose seal key is not as it was', () => {
  const dataDir = join(folder, 'keys');
  const key = join(dataDir, 'seal.key');
  beforeAll(async () => (await Journey.start({ dataDir })).stop());

  test('refuses one that others may read', async () => {
    chmodSync(key, 0o440);
    expect(await refusal(dataDir)).toMatch(/seal\.key is open to group or others/);
    chmodSync(key, 0o400);
  });

  // A store that exists never gets a new key: it would open nothing, and stand where the old one belongs.
  test('refuses a missing one, makes none, and starts when it is back', async () => {
    const away = join(folder, 'seal.key');
    renameSync(key, away);
    expect(await refusal(dataDir)).toMatch(/seal\.key does not exist$/);
    expect(existsSync(key)).toBe(false);
    renameSync(away, key);
    const journey = await Journey.start({ dataDir });
    await journey.attest({ agent: 'node' });
    await journey.stop();
  });
});

describe('a server whose disk is full', () => {
  // DEC-8: whether the batch is on disk is unknown, so nobody is told anything of it.
  test('ends and answers nobody; with room again it starts by itself, and everyone gets on with the key they kept', async () => {
    const dataDir = join(folder, 'full');
    const all = new Population(join(folder, 'held.ndjson'));
    const first = await startToCrash(dataDir);
    if (first.life) all.begin(first.life);
    await all.resource();
    const agent = await Agent.start(all);
    first.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    all.lives.end();

    const full = await startToCrash(dataDir, { by: 'full-disk', after: 100 });
    if (full.life) all.begin(full.life);
    const working = all.live(() => agent.round());
    expect(await full.ended).toBe(3);
    all.lives.end();

    const again = await startToCrash(dataDir);
    if (again.life) all.begin(again.life);
    expect(await all.stuckAfter(10_000)).toBe(0);
    all.lives.stop();
    await working;
    again.kill('SIGTERM');
    expect(await again.ended).toBe(0);
    const audit = new Audit(dataDir, all.held.path);
    audit.advance();
    expect(audit.problems).toEqual([]);
    expect(audit.counts.held).toBeGreaterThan(5);
  });
});
