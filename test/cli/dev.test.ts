import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

const MAYFLY = join(ROOT, 'bin', 'mayfly.js');
const mayfly = (args: readonly string[], options: Parameters<typeof runCommand>[2] = {}) =>
  runCommand(process.execPath, [MAYFLY, ...args], options);

interface Ready {
  readonly adminSocket: string;
  readonly bundleFile: string;
  readonly dataDir: string;
  readonly pid: number;
}

describe('mayfly dev --json', () => {
  test('says one line when it can issue, serves the command line, and ends orderly', async () => {
    const steps: Promise<unknown>[] = [];
    let ready: Ready | undefined;
    let bundle = '';
    const talk = async (line: string): Promise<void> => {
      ready = JSON.parse(line) as Ready;
      bundle = readFileSync(ready.bundleFile, 'utf8');
      const env = { MAYFLY_ADMIN_SOCKET: ready.adminSocket };
      const created = await mayfly(
        ['entry', 'create', '--spiffe-id', 'spiffe://example.org/web', '--selector', 'a:b'],
        { env },
      );
      expect(created).toMatchObject({ code: 0, stderr: '' });
      expect((await mayfly(['entry', 'count'], { env })).stdout).toBe('1\n');
      expect((await mayfly(['bundle', 'show'], { env })).stdout).toBe(bundle);
      expect((await mayfly(['explain', '0'.repeat(32)], { env })).code).toBe(1);
    };
    const { code, signal, stdout, pid } = await mayfly(['dev', '--json'], {
      onLine: (line, child) => {
        steps.push(talk(line).finally(() => child.kill('SIGTERM')));
      },
    });
    await Promise.all(steps);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    // DEC-33: others hold on to these names.
    expect(Object.keys(JSON.parse(stdout) as object)).toEqual([
      'ready',
      'trustDomain',
      'api',
      'public',
      'adminSocket',
      'workloadSocket',
      'bundleFile',
      'dataDir',
      'pid',
      'agent',
    ]);
    expect(ready?.pid).toBe(pid);
    expect(existsSync(ready?.dataDir ?? '')).toBe(false);
  });
});

describe('mayfly server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-init-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'etc', 'mayfly.yaml');
  const init = [
    'server',
    'init',
    '--config',
    file,
    '--data-dir',
    join(folder, 'data'),
    '--trust-domain',
    'example.org',
  ];

  test('init makes what check finds good, and overwrites nothing', async () => {
    expect(await mayfly(init)).toMatchObject({ code: 0, stderr: '' });
    const text = readFileSync(file, 'utf8');
    const free = ['api', 'public', 'metrics'].flatMap((name) => ['--set', `server.${name}.port=0`]);
    const checked = await mayfly(['server', 'check', '--config', file, '--json', ...free]);
    expect(JSON.parse(checked.stdout)).toMatchObject({ ok: true });
    const again = await mayfly(init);
    expect(again).toMatchObject({ code: 1, stderr: `mayfly: there is a file at ${file} already\n` });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('run and check tell what is wrong with the configuration, and end with 2 and 1', async () => {
    const wrong = ['--config', join(folder, 'none.yaml')];
    expect((await mayfly(['server', 'run', ...wrong])).code).toBe(2);
    expect((await mayfly(['server', 'check', ...wrong])).code).toBe(1);
  });
});
