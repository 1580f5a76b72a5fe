import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../support/admin-stand-in.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-init-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const init = (trustDomain: string, config: string) =>
  runCli(['server', 'init', '--trust-domain', trustDomain, '--config', config, '--data-dir', at('data')]);

test('a trust domain that cannot be is said as an error of use, and nothing is made', async () => {
  const { exit, out } = await init('Example.org', at('bad.yaml'));
  expect(exit).toBe(2);
  expect(out).toMatch(/^mayfly server init: trustDomain is not the name of a trust domain; /);
  expect(existsSync(at('data'))).toBe(false);
});

test('a place that cannot be written is an answer, not a bug', async () => {
  writeFileSync(at('file'), '');
  const { exit, err } = await init('example.org', at('file/mayfly.yaml'));
  expect(exit).toBe(1);
  expect(err).toMatch(/^mayfly: cannot make \S+ \(ENOTDIR\); --config, [^\n]+ name other places\n$/);
});

test('what is there is never overwritten', async () => {
  writeFileSync(at('mayfly.yaml'), 'mine');
  const { exit, err } = await init('example.org', at('mayfly.yaml'));
  expect([exit, err]).toEqual([1, `mayfly: there is a file at ${at('mayfly.yaml')} already\n`]);
  expect(readFileSync(at('mayfly.yaml'), 'utf8')).toBe('mine');
});

test('a command that finds no socket in a configuration says why, and what does without', async () => {
  writeFileSync(at('service.yaml'), 'trustDomain: example.org\nserver: {sealKey: "credential:seal"}\n');
  const { exit, err } = await runCli(['entry', 'list', '--config', at('service.yaml')]);
  expect(exit).toBe(2);
  expect(err).toContain('server.sealKey names a systemd credential, but CREDENTIALS_DIRECTORY is not set');
  expect(err).toContain('--socket needs no configuration');
});
