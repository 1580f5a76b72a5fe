import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../support/source-tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-new-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const modeOf = (name: string): string => (statSync(at(name)).mode & 0o777).toString(8);

/** A umask counts for a whole process, so the command runs in one of its own. */
const initUnder077 = (...args: readonly string[]): void => {
  const command = [process.execPath, join(ROOT, 'bin', 'mayfly.js'), ...args];
  execFileSync('sh', ['-c', 'umask 077; exec "$@"', 'sh', ...command], { stdio: 'pipe' });
};

test('a server’s configuration may be read under any umask, and its secrets by nobody else', () => {
  const places = ['--config', at('etc/deep/mayfly.yaml'), '--data-dir', at('data'), '--socket', at('a.sock')];
  initUnder077('server', 'init', '--trust-domain', 'example.org', ...places);
  expect(['etc', 'etc/deep', 'etc/deep/mayfly.yaml'].map(modeOf)).toEqual(['755', '755', '644']);
  expect(['etc/deep/seal.key', 'data'].map(modeOf)).toEqual(['400', '700']);
});

test('so may an agent’s, and a folder that is there keeps its mode', () => {
  mkdirSync(at('own'));
  chmodSync(at('own'), 0o750);
  const places = ['--config', at('own/agent.yaml'), '--state-dir', at('state'), '--cache-key', at('own/cache.key')];
  const server = ['--trust-domain', 'example.org', '--server', 'https://mayfly:8443', '--root-sha256', 'ab'.repeat(32)];
  initUnder077('agent', 'init', ...server, ...places, '--socket', at('w.sock'));
  expect(['own', 'own/agent.yaml', 'own/cache.key', 'state'].map(modeOf)).toEqual(['750', '644', '400', '700']);
});

test('a folder that is made for both stays open, though what lies in it beside the configuration is closed', () => {
  const server = ['--config', at('srv/one/mayfly.yaml'), '--data-dir', at('srv/one/data'), '--socket', at('a.sock')];
  initUnder077('server', 'init', '--trust-domain', 'example.org', ...server);
  const trust = ['--trust-domain', 'example.org', '--server', 'https://mayfly:8443', '--root-sha256', 'ab'.repeat(32)];
  const agent = ['--config', at('node/agent.yaml'), '--state-dir', at('node/state'), '--socket', at('w.sock')];
  initUnder077('agent', 'init', ...trust, ...agent);
  expect(['srv', 'srv/one', 'srv/one/data', 'node', 'node/state'].map(modeOf)).toEqual([
    '755',
    '755',
    '700',
    '755',
    '700',
  ]);
});

test('a folder of the admin socket is made closed, or no server would start on it', () => {
  const places = ['--config', at('demo/mayfly.yaml'), '--data-dir', at('demo/data'), '--socket', at('demo/admin.sock')];
  initUnder077('server', 'init', '--trust-domain', 'example.org', ...places);
  expect(['demo', 'demo/data'].map(modeOf)).toEqual(['700', '700']);
});

test('a relative folder leaves the one above it as it is', () => {
  mkdirSync(at('above'));
  chmodSync(at('above'), 0o700);
  const source = pathToFileURL(join(ROOT, 'src/compose/new-file.ts')).href;
  const program = `import { makeOpenFolder } from '${source}'; makeOpenFolder('a');`;
  execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: at('above'), timeout: 20_000 });
  expect(['above', 'above/a'].map(modeOf)).toEqual(['700', '755']);
});
