import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeHeadFile } from '../../src/adapters/sqlite/head-file.ts';
import { ledgerFile } from '../../src/adapters/sqlite/open.ts';
import { allowFounding, checkFounding, endFounding } from '../../src/compose/founding.ts';

let dataDir: string;
let headFile: string;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-founding-'));
  dataDir = join(folder, 'data');
  headFile = join(folder, 'head.json');
  mkdirSync(dataDir, { mode: 0o700 });
});
afterEach(() => rmSync(join(dataDir, '..'), { recursive: true }));

const remember = () => writeHeadFile(headFile, { logId: 'ab', epoch: 1, size: 42, root: '0'.repeat(64) });

test('an empty folder that init did not make founds nothing, and is left empty', () => {
  expect(() => checkFounding(dataDir, headFile, false)).toThrow('mayfly server init did not make it');
  expect(readdirSync(dataDir)).toEqual([]);
});

test('the folder that init made may found once; after that an emptied folder is refused', () => {
  allowFounding(dataDir);
  expect(() => checkFounding(dataDir, headFile, false)).not.toThrow();
  writeFileSync(ledgerFile(dataDir), '');
  endFounding(dataDir);
  expect(() => checkFounding(dataDir, headFile, false)).not.toThrow();
  rmSync(ledgerFile(dataDir));
  expect(() => checkFounding(dataDir, headFile, false)).toThrow('holds no store');
});

// DEC-11
test.each([true, false])('a store that the head file remembers is not made anew (dev: %s)', (dev) => {
  allowFounding(dataDir);
  remember();
  expect(() => checkFounding(dataDir, headFile, dev)).toThrow('remembers 42 facts: bring it back');
  expect(existsSync(ledgerFile(dataDir))).toBe(false);
});

test('dev founds in any folder, and ending twice is no fault', () => {
  expect(() => checkFounding(dataDir, headFile, true)).not.toThrow();
  endFounding(dataDir);
  expect(() => endFounding(dataDir)).not.toThrow();
});
