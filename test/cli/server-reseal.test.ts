import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { holdFolder } from '../../src/adapters/sqlite/lock.ts';
import { runCli } from '../support/admin-stand-in.ts';
import { type Folder, folderAt, opensUnder, UsedFolders } from '../support/reseal-world.ts';

/** `mayfly server reseal`, as an operator meets it. */
const used = new UsedFolders();
beforeAll(() => used.make());
afterAll(() => used.remove());

const reseal = (folder: Folder, more: readonly string[] = []) =>
  runCli(['server', 'reseal', '--config', folder.file, ...more]);

let folder: Folder;
beforeEach(() => {
  const root = used.copy();
  folder = folderAt(root);
  const { dataDir, sealKey, admin } = folder.config.server;
  writeFileSync(folder.file, JSON.stringify({ trustDomain: 'example.org', server: { dataDir, sealKey, admin } }));
});

test('without --yes it shows what it would do, ends with 1, and makes nothing', async () => {
  const { exit, out, err } = await reseal(folder);
  expect([exit, err]).toEqual([1, 'mayfly: nothing was done; --yes does it\n']);
  expect(out).toContain(`keys      7\nseal key  ${folder.at('keys/seal.key')}\n`);
  expect(readdirSync(folder.at('keys'))).toEqual(['seal.key']);
});

test('with --yes it says where the keys lie now', async () => {
  const { exit, out } = await reseal(folder, ['--yes', '--json']);
  const done = JSON.parse(out) as Record<string, unknown>;
  expect(exit).toBe(0);
  expect(done).toMatchObject({ done: true, keys: 7, sealKey: folder.at('keys/seal.key'), swap: true });
  expect(existsSync(String(done['oldKey']))).toBe(true);
  expect(await opensUnder(folder, folder.at('keys/seal.key'))).toBe(7);
});

test('with a file of its own the new key stays there, and the operator is told what to do', async () => {
  const { exit, out } = await reseal(folder, ['--yes', '--new-key', folder.at('keys/new.key')]);
  expect(exit).toBe(0);
  expect(out).toContain(`put ${folder.at('keys/new.key')} in the place of ${folder.at('keys/seal.key')}`);
  expect(await opensUnder(folder, folder.at('keys/new.key'))).toBe(7);
});

test('no key is ever shown', async () => {
  const old = readFileSync(folder.at('keys/seal.key'));
  const { out, err } = await reseal(folder, ['--yes', '--json']);
  const keys = [old, readFileSync(folder.at('keys/seal.key'))];
  const forms = keys.flatMap((key) => [key.toString('base64url'), key.toString('base64'), key.toString('hex')]);
  expect(forms.filter((form) => (out + err).includes(form))).toEqual([]);
});

test('a systemd credential is not written to: the command wants a file', async () => {
  const set = { CREDENTIALS_DIRECTORY: folder.at('keys'), MAYFLY_SERVER_SEAL_KEY: 'credential:seal.key' };
  const asked = ['server', 'reseal', '--config', folder.file, '--yes'];
  const { exit, err } = await runCli(asked, set);
  expect(exit).toBe(2);
  expect(err).toContain('the seal key is a systemd credential');
  expect(readdirSync(folder.at('keys'))).toEqual(['seal.key']);
  const done = await runCli([...asked, '--new-key', folder.at('new.key')], set);
  expect(done.exit).toBe(0);
  expect(await opensUnder(folder, folder.at('new.key'))).toBe(7);
});

test.each([[[]], [['--yes']]])('beside a running server it says so and ends with 1: %j', async (more) => {
  const letGo = holdFolder(folder.at('data'));
  const { exit, err } = await reseal(folder, more);
  letGo();
  expect(exit).toBe(1);
  expect(err).toBe(`mayfly: another Mayfly server is running on ${folder.at('data')}\n`);
});

test('a wrong configuration is an error of use', async () => {
  writeFileSync(folder.file, 'trustDomain: Not A Name\n');
  const { exit, out } = await reseal(folder, ['--yes']);
  expect(exit).toBe(2);
  expect(out).toContain('trustDomain is not the name of a trust domain');
});
