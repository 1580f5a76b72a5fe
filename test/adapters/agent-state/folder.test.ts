import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { SeenFolder, StateFolder } from '../../../src/adapters/agent-state/folder.ts';
import { newStatePath } from '../../support/agent-folder.ts';

const OTHER_UID = 54_321;

let path: string;
let remove: () => void;
const open: StateFolder[] = [];

beforeEach(() => {
  ({ path, remove } = newStatePath());
});

afterEach(() => {
  for (const folder of open.splice(0)) folder.close();
  remove();
});

const take = (where = path): StateFolder => {
  const folder = new StateFolder(where);
  open.push(folder);
  return folder;
};

const modeOf = (file: string): number => statSync(file).mode & 0o777;

test('the folder is made for its user alone, and so are its files', () => {
  const folder = take(join(path, 'deep'));
  folder.replace('a', Buffer.from('one'));
  expect(modeOf(folder.path)).toBe(0o700);
  expect(readdirSync(folder.path).map((name) => modeOf(join(folder.path, name)))).toEqual([0o600, 0o600]);
});

test('what is replaced is there whole, and nothing else', () => {
  const folder = take();
  folder.replace('a', Buffer.from('one'));
  folder.replace('a', Buffer.from('two'));
  expect(folder.read('a', 10)?.toString()).toBe('two');
  expect(readdirSync(path).sort()).toEqual(['a', 'lock']);
  folder.remove('a');
  folder.remove('a');
  expect(folder.read('a', 10)).toBeUndefined();
});

test('what a crash left of a write is written over, whatever its mode', () => {
  const folder = take();
  writeFileSync(join(path, 'a.next'), 'half of somethi', { mode: 0o666 });
  folder.replace('a', Buffer.from('one'));
  expect([folder.read('a', 10)?.toString(), modeOf(join(path, 'a'))]).toEqual(['one', 0o600]);
});

test.each([0o750, 0o701, 0o777, 0o720])('a folder of mode %o is refused', (mode) => {
  mkdirSync(path);
  chmodSync(path, mode);
  expect(() => take()).toThrow(`${path} is open to others: chmod 0700 it`);
  expect(readdirSync(path)).toEqual([]);
});

test('what is no folder is refused, and a link to one', () => {
  const file = join(dirname(path), 'file');
  writeFileSync(file, '');
  expect(() => take(file)).toThrow('is not a folder');
  expect(() => take(join(file, 'below'))).toThrow('cannot be made');
  mkdirSync(path, { mode: 0o700 });
  const link = join(dirname(path), 'link');
  symlinkSync(path, link);
  expect(() => take(link)).toThrow('symbolic link');
});

test('two agents never share a folder, not even in one process', () => {
  take();
  expect(() => take()).toThrow(
    `a second agent cannot use the state folder ${path}: another one that is running has it`,
  );
});

test('a folder that was let go of is free, and so is that of a process that was killed', () => {
  take().close();
  const source = new URL('../../../src/adapters/agent-state/folder.ts', import.meta.url).href;
  const script = `
    const { StateFolder } = await import(${JSON.stringify(source)});
    new StateFolder(${JSON.stringify(path)});
    process.kill(process.pid, 'SIGKILL');
  `;
  const run = () => execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
  expect(run).toThrow(expect.objectContaining({ signal: 'SIGKILL' }));
  expect(take().path).toBe(path);
});

test('a file that others may read is refused, by its name', () => {
  const folder = take();
  folder.replace('a', Buffer.from('one'));
  chmodSync(join(path, 'a'), 0o640);
  expect(() => folder.read('a', 10)).toThrow(`${join(path, 'a')} is open to others: chmod 0600 it`);
});

test('what is no plain file, or too long, is refused', () => {
  const folder = take();
  writeFileSync(join(path, 'real'), 'x', { mode: 0o600 });
  symlinkSync(join(path, 'real'), join(path, 'linked'));
  mkdirSync(join(path, 'sub'), { mode: 0o700 });
  folder.replace('long', Buffer.alloc(11));
  expect(() => folder.read('linked', 10)).toThrow('cannot be opened (ELOOP)');
  expect(() => folder.read('sub', 10)).toThrow('not a regular file');
  expect(() => folder.read('long', 10)).toThrow('longer than 10 bytes');
});

test('a link in the place of what is about to be written is not followed', () => {
  const folder = take();
  const victim = join(dirname(path), 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, join(path, 'a.next'));
  expect(() => folder.replace('a', Buffer.from('one'))).toThrow('ELOOP');
  rmSync(join(path, 'a.next'));
  linkSync(victim, join(path, 'a'));
  folder.replace('a', Buffer.from('one'));
  expect(readFileSync(victim, 'utf8')).toBe('precious');
});

test('a disk that fails leaves what was there', () => {
  const folder = take();
  folder.replace('a', Buffer.from('one'));
  mkdirSync(join(path, 'a.next'));
  expect(() => folder.replace('a', Buffer.from('two'))).toThrow('EISDIR');
  expect(folder.read('a', 10)?.toString()).toBe('one');
  expect(existsSync(join(path, 'a'))).toBe(true);
});

describe('who only looks', () => {
  test('sees the files and whether the folder is held, and makes nothing', () => {
    mkdirSync(path, { mode: 0o700 });
    const seen = new SeenFolder(path);
    expect([seen.isHeld(), readdirSync(path)]).toEqual([false, []]);
    const held = take();
    held.replace('a', Buffer.from('one'));
    expect([seen.isHeld(), seen.read('a', 10)?.toString(), seen.read('b', 10)]).toEqual([true, 'one', undefined]);
    held.close();
    expect(seen.isHeld()).toBe(false);
  });

  test('is refused what others may open', () => {
    mkdirSync(path, { mode: 0o750 });
    expect(() => new SeenFolder(path)).toThrow('is open to others');
  });

  const asRoot = process.geteuid?.() === 0 ? test : (): void => undefined;
  asRoot('may be root, where an agent has a user of its own', () => {
    take().replace('a', Buffer.from('one'));
    for (const name of ['', 'a', 'lock']) chownSync(join(path, name), OTHER_UID, OTHER_UID);
    expect(() => take()).toThrow("belongs to another user: chown it to the agent's");
    const seen = new SeenFolder(path);
    expect([seen.owner, seen.read('a', 10)?.toString()]).toEqual([OTHER_UID, 'one']);
    chownSync(join(path, 'a'), 0, 0);
    expect(() => seen.read('a', 10)).toThrow('belongs to another user');
  });
});
