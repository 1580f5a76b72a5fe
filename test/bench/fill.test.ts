import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { barsText, atMost, told } from '../../scripts/bench/scale/bars.ts';
import { readDataSet, writeDataSet } from '../../scripts/bench/scale/data-set.ts';
import { diskReport } from '../../scripts/bench/scale/disk.ts';
import { fill, fleetOf } from '../../scripts/bench/scale/fill.ts';
import { readScaleOptions } from '../../scripts/bench/scale/options.ts';
import { checkDataDir } from '../../src/adapters/sqlite/check-ledger.ts';

const SMALL = { entries: 40, credentialsPerEntry: 5, agedDays: 0 };

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-fill-'));
  await fill(folder, SMALL, () => undefined);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a data set', () => {
  test('is a sound ledger with all that was asked for', () => {
    const checked = checkDataDir(folder);
    expect(checked.problems).toEqual([]);
    const { credentials, parts, file_bytes } = diskReport(folder);
    expect(credentials).toBe(checked.credentials);
    // Those of the identities that put load on, too.
    expect(credentials).toBe(40 * 5 + 32 + 160);
    expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(file_bytes);
  });

  test('is not filled twice', async () => {
    const { size } = checkDataDir(folder);
    expect((await fill(folder, SMALL, () => undefined)).isFilled).toBe(true);
    expect(checkDataDir(folder).size).toBe(size);
  });

  test('goes on where it stopped: what is on record already is not recorded again', async () => {
    const { size } = checkDataDir(folder);
    const known = readDataSet(folder);
    if (!known) throw new Error('there is no data set');
    writeDataSet(folder, { ...known, isFilled: false });
    await fill(folder, SMALL, () => undefined);
    expect(checkDataDir(folder)).toMatchObject({ size, problems: [] });
  });

  test('is not made larger by asking for more', async () => {
    await expect(fill(folder, { ...SMALL, entries: 41 }, () => undefined)).rejects.toThrow('holds 40 entries');
  });

  test('names the same entries again, each once, under the agents that can be asked through', async () => {
    const dataSet = readDataSet(folder);
    if (!dataSet) throw new Error('there is no data set');
    const fleet = await fleetOf(folder, dataSet);
    const all = dataSet.prepared.agents.flatMap((_, at) => fleet?.entriesUnder(at, 10) ?? []);
    expect(new Set(all.map(({ id }) => id)).size).toBe(40);
    expect(dataSet.prepared.agents[0]?.entries[0]?.csr).toBeInstanceOf(Uint8Array);
  });

  test('lets nobody else read the keys of its clients', () => {
    expect(statSync(join(folder, 'bench.json')).mode & 0o077).toBe(0);
  });
});

describe('the command line', () => {
  test.each([
    [['--fill', '1000000', '--data', '/x'], { command: 'fill', entries: 1_000_000, dataDir: '/x' }],
    [['flat', '--pairs', '3'], { command: 'flat', pairs: 3, clients: 32 }],
    [['soak', '--minutes', '0.5', '--only', 'jwt-svid'], { command: 'soak', minutes: 0.5, operations: ['jwt-svid'] }],
  ])('%j is one of these commands', (args, expected) => {
    expect(readScaleOptions(args)).toMatchObject(expected);
  });

  test.each([[[]], [['--json']], [['--only', 'x509-svid']]])('%j is for the table of speeds', (args) => {
    expect(readScaleOptions(args)).toBeUndefined();
  });

  test.each([
    [['--fill']],
    [['--fill', '0']],
    [['--fill', '1.5']],
    [['flat', '--only', 'ssh']],
    [['soak', '--minutes', '-1']],
  ])('%j is refused', (args) => {
    expect(() => readScaleOptions(args)).toThrow(/number|none of|argument/);
  });
});

test('a figure above its bar fails, and one at it passes', () => {
  const text = barsText([atMost('a', 1.2, '×', 1.2), atMost('b', 1.21, '×', 1.2), told('c', 3, '')]);
  expect(
    text
      .split('\n')
      .slice(1)
      .map((line) => line.split(/\s+/).at(-1)),
  ).toEqual(['pass', 'FAIL', '3']);
});
