import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseOwner } from '../../../src/adapters/published-files/owner.ts';
import { publishFiles } from '../../../src/adapters/published-files/publish.ts';

const base = mkdtempSync(join(tmpdir(), 'mayfly-publish-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
let folders = 0;
const newFolder = (): string => {
  folders += 1;
  return join(base, `f${folders}`);
};

const publish = (folder: string, revision: string, names: readonly string[] = ['cert', 'key']): void =>
  publishFiles({
    folder,
    files: names.map((name) => ({ name, content: revision, mode: name === 'key' ? 0o600 : 0o644 })),
  });
const revisionsIn = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith('..revision-'));

describe('published files', () => {
  test('are there under their names, with their modes', () => {
    const folder = newFolder();
    publish(folder, '1');
    expect(readFileSync(join(folder, 'cert'), 'utf8')).toBe('1');
    expect([statSync(join(folder, 'cert')).mode & 0o777, statSync(join(folder, 'key')).mode & 0o777]).toEqual([
      0o644, 0o600,
    ]);
  });

  test('who resolves the folder once reads one revision, also after the next', () => {
    const folder = newFolder();
    publish(folder, '1');
    const resolved = realpathSync(join(folder, '..data'));
    publish(folder, '2');
    expect(['cert', 'key'].map((name) => readFileSync(join(resolved, name), 'utf8'))).toEqual(['1', '1']);
    expect(readFileSync(join(folder, 'key'), 'utf8')).toBe('2');
  });

  test('only the revision that counts and the one before are kept', () => {
    const folder = newFolder();
    for (const revision of ['1', '2', '3', '4']) publish(folder, revision);
    expect(revisionsIn(folder)).toHaveLength(2);
  });

  test('what a writer left that was cut off is swept away, and was never seen', () => {
    const folder = newFolder();
    publish(folder, '1');
    mkdirSync(join(folder, '..revision-broken'));
    writeFileSync(join(folder, '..revision-broken', 'cert'), 'half');
    symlinkSync('nowhere', join(folder, '..link-..data'));
    publish(folder, '2');
    expect(revisionsIn(folder)).not.toContain('..revision-broken');
    expect(readdirSync(folder)).not.toContain('..link-..data');
    expect(readFileSync(join(folder, 'cert'), 'utf8')).toBe('2');
  });

  test('names that are gone are taken away, and nothing else is', () => {
    const folder = newFolder();
    publish(folder, '1', ['cert', 'key', 'old']);
    writeFileSync(join(folder, 'mine'), 'mine');
    symlinkSync('mine', join(folder, 'link'));
    publish(folder, '2');
    expect(readdirSync(folder).filter((name) => !name.startsWith('..'))).toEqual(['cert', 'key', 'link', 'mine']);
  });

  test('take the place of plain files', () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, 'cert'), 'by hand');
    publish(folder, '1');
    expect(lstatSync(join(folder, 'cert')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'cert'), 'utf8')).toBe('1');
  });

  test('a reader never finds one missing or half of one', () => {
    const folder = newFolder();
    publish(folder, '0'.repeat(100));
    for (let revision = 1; revision < 30; revision++) {
      publish(folder, String(revision).repeat(100));
      const [cert, key] = ['cert', 'key'].map((name) => readFileSync(join(folder, name), 'utf8'));
      expect(cert).toBe(key);
    }
  });

  test('not into a folder that everybody may write to', () => {
    const folder = newFolder();
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    expect(() => publish(folder, '1')).toThrow('written to by everybody');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('not below a folder that everybody may write to, unless it is sticky', () => {
    const above = newFolder();
    const folder = join(above, 'certs');
    mkdirSync(folder, { recursive: true });
    chmodSync(above, 0o777);
    expect(() => publish(folder, '1')).toThrow(`${realpathSync(above)} can be written to by everybody`);
    chmodSync(above, 0o1777);
    publish(folder, '1');
    expect(readFileSync(join(folder, 'key'), 'utf8')).toBe('1');
  });

  // Nobody else may give folders away.
  const asRoot = process.geteuid?.() === 0 ? test : (): void => undefined;

  describe.each([
    ['another user', 12_345, 0, 0o755, 'belongs to another user'],
    ['another group that may write', 0, 12_345, 0o775, 'written to by another group'],
  ])('not into a folder of %s', (_who, uid, gid, mode, refusal) => {
    asRoot('itself, nor below it', () => {
      const folder = newFolder();
      mkdirSync(join(folder, 'below'), { recursive: true });
      chmodSync(folder, mode);
      chownSync(folder, uid, gid);
      expect(() => publish(folder, '1')).toThrow(refusal);
      expect(() => publish(join(folder, 'below'), '1')).toThrow(refusal);
      expect(readdirSync(folder)).toEqual(['below']);
    });
  });

  asRoot('with an owner, who gets the files and nothing that we go through', () => {
    const folder = newFolder();
    const files = [{ name: 'key', content: '1', mode: 0o600 }];
    publishFiles({ folder, files, owner: { uid: 12_345, gid: 12_346 } });
    expect(statSync(join(folder, 'key'))).toMatchObject({ uid: 12_345, gid: 12_346 });
    expect(statSync(join(folder, '..data'))).toMatchObject({ uid: 0, gid: 0 });
  });

  test('a folder that cannot be made is an error of the file system', () => {
    writeFileSync(join(base, 'file'), '');
    expect(() => publish(join(base, 'file', 'x'), '1')).toThrow('ENOTDIR');
  });
});

describe('the owner of files', () => {
  test.each([
    ['root', { uid: 0, gid: 0 }],
    ['root:0', { uid: 0, gid: 0 }],
    ['1000:1001', { uid: 1000, gid: 1001 }],
  ])('%s', (text, owner) => {
    expect(parseOwner(text)).toEqual(owner);
  });

  test.each(['', ':root', 'root:', 'nobody-has-this-name', 'root:nobody-has-this-name', '1000', 'a:b:c', '-1:0'])(
    'not "%s"',
    (text) => {
      expect(() => parseOwner(text)).toThrow(RangeError);
    },
  );
});
