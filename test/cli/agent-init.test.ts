import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { runCli } from '../support/admin-stand-in.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-agent-init-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const INIT = ['agent', 'init', '--trust-domain', 'example.org', '--server', 'https://mayfly:8443'];

const FINGERPRINT = 'ab'.repeat(32);

const init = (config: string, more: readonly string[]) =>
  runCli([...INIT, '--config', at(config), '--state-dir', at('state'), '--socket', at('w.sock'), ...more]);

test('writes a configuration that stands, and a key for the cache apart from the state', async () => {
  const { exit } = await init('agent.yaml', ['--root-sha256', FINGERPRINT, '--cache-key', at('cache.key')]);
  expect(exit).toBe(0);
  expect(parse(readFileSync(at('agent.yaml'), 'utf8'))).toEqual({
    trustDomain: 'example.org',
    agent: {
      server: 'https://mayfly:8443',
      stateDir: at('state'),
      socket: at('w.sock'),
      trust: { rootSha256: FINGERPRINT },
      cacheKey: at('cache.key'),
    },
  });
  expect(statSync(at('state')).mode & 0o777).toBe(0o700);
  expect(statSync(at('cache.key')).mode & 0o777).toBe(0o400);
  expect(statSync(at('cache.key')).size).toBe(32);
});

// "trust whoever answers" is no way to begin
test.each([
  ['neither', []],
  ['both', ['--root-sha256', FINGERPRINT, '--bundle-file', '/b']],
])('wants one way to know the server by, not %s', async (_, more) => {
  const { exit, err } = await init('none.yaml', more);
  expect(exit).toBe(2);
  expect(err).toContain('either --root-sha256 or --bundle-file');
  expect(existsSync(at('none.yaml'))).toBe(false);
});

test('a fingerprint that is none is said as an error of use, and nothing is made', async () => {
  const { exit, out } = await init('bad.yaml', ['--root-sha256', 'abcd', '--cache-key', at('never.key')]);
  expect(exit).toBe(2);
  expect(out).toMatch(/^mayfly agent init: agent.trust.rootSha256 is not a SHA-256 fingerprint; /);
  expect([existsSync(at('bad.yaml')), existsSync(at('never.key'))]).toEqual([false, false]);
});

test('what is there is never overwritten', async () => {
  writeFileSync(at('mine.yaml'), 'mine');
  const { exit, err } = await init('mine.yaml', ['--root-sha256', FINGERPRINT]);
  expect([exit, err]).toEqual([1, `mayfly: there is a file at ${at('mine.yaml')} already\n`]);
  expect(readFileSync(at('mine.yaml'), 'utf8')).toBe('mine');
});

// `--state-dir /var/lib`, meant as the folder to put one into
test('a state folder that is there keeps its mode', async () => {
  mkdirSync(at('shared'), { mode: 0o755 });
  const { exit } = await runCli([
    ...INIT,
    '--config',
    at('shared.yaml'),
    '--state-dir',
    at('shared'),
    '--socket',
    at('w.sock'),
    '--root-sha256',
    FINGERPRINT,
  ]);
  expect(exit).toBe(0);
  expect(statSync(at('shared')).mode & 0o777).toBe(0o755);
});
