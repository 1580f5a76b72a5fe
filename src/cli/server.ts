import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { DEFAULT_CONFIG_FILE, loadConfig, parseConfig } from '../compose/config.ts';
import type { Config, ConfigResult } from '../compose/config.ts';
import { describeProblem } from '../compose/config-problems.ts';
import type { ConfigProblem } from '../compose/config-problems.ts';
import { initServer } from '../compose/init-server.ts';
import { CommandRefused, EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { record, table } from './output.ts';
import type { Output } from './output.ts';
import { serveUntilStopped, starting } from './serve.ts';
import type { Terminal } from './terminal.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

interface ConfigOptions {
  readonly config?: string;
  readonly set?: Readonly<Record<string, string>>;
}

const collect = (text: string, held: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as key=value');
  return { ...held, [text.slice(0, at)]: text.slice(at + 1) };
};

const withConfig = (command: Command): Command =>
  command
    .option('--config <file>', `the configuration (MAYFLY_CONFIG, ${DEFAULT_CONFIG_FILE})`)
    .option('--set <key=value>', 'set one key, above environment and file; may be repeated', collect);

const fileOf = ({ config }: ConfigOptions, { environment }: Terminal): string =>
  config ?? environment['MAYFLY_CONFIG'] ?? DEFAULT_CONFIG_FILE;

const load = (options: ConfigOptions, terminal: Terminal): ConfigResult =>
  loadConfig(fileOf(options, terminal), { environment: terminal.environment, flags: options.set ?? {} });

const tellProblems = (problems: readonly ConfigProblem[], file: string, output: Output): void => {
  const lines = problems.map((problem) => describeProblem(problem, file));
  output.result({ ok: false, problems }, () => `${lines.join('\n')}\n`);
};

interface InitOptions {
  readonly config: string;
  readonly trustDomain: string;
  readonly dataDir: string;
  readonly sealKey?: string;
  readonly socket: string;
}

/** Errors of the file system are the operator's to solve: no right to a folder, no room, a file in the way. */
const making = (make: () => void): void => {
  try {
    make();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined || path === undefined) throw error;
    throw new CommandRefused(`cannot make ${path} (${code}); --config, --data-dir and --seal-key name other places`);
  }
};

const initVerb = (cli: Cli): Command =>
  verb<InitOptions>(
    cli,
    new Command('init')
      .description('Make data folder, seal key and configuration. Overwrites nothing.')
      .requiredOption('--trust-domain <name>', 'the trust domain; it can never be changed later')
      .option('--config <file>', 'where the configuration goes', DEFAULT_CONFIG_FILE)
      .option('--data-dir <folder>', 'where the store will be', '/var/lib/mayfly')
      .option('--seal-key <file>', 'where the seal key goes; beside the configuration unless told')
      .option('--socket <path>', 'where the admin socket will be', '/run/mayfly/admin.sock'),
    async ({ options, output, terminal }) => {
      const file = resolve(options.config);
      const made = {
        file,
        trustDomain: options.trustDomain,
        dataDir: resolve(options.dataDir),
        sealKey: resolve(options.sealKey ?? join(dirname(file), 'seal.key')),
        adminSocket: resolve(options.socket),
      };
      const text = JSON.stringify({
        trustDomain: made.trustDomain,
        server: { dataDir: made.dataDir, sealKey: made.sealKey, admin: { socket: made.adminSocket } },
      });
      const result = parseConfig({ text, folder: dirname(file), environment: terminal.environment, flags: {} });
      if (!result.ok) {
        // The text with the lines is one that nobody wrote.
        const problems = result.problems.map(({ line: _line, ...problem }) => problem);
        tellProblems(problems, 'mayfly server init', output);
        return EXIT.usage;
      }
      making(() => initServer(made));
      output.result(made, () =>
        record([
          ['configuration', made.file],
          ['data folder', made.dataDir],
          ['seal key', `${made.sealKey} (keep a copy apart from the data)`],
          ['next', `mayfly server check --config ${made.file}`],
        ]),
      );
      return EXIT.yes;
    },
  );

const run = async (config: Config, output: Output): Promise<ExitCode> => {
  const { startServer } = await import('../compose/server.ts');
  const server = await starting(() => startServer(config));
  const { waitsFor } = server;
  const waiting = waitsFor === undefined ? {} : { waitsFor };
  const announce = (): void =>
    output.result({ ...server.ready, ready: waitsFor === undefined, ...waiting, pid: process.pid }, () =>
      record([
        ['trust domain', server.ready.trustDomain],
        ['api', server.ready.api],
        ['public', server.ready.public],
        ['admin socket', server.ready.adminSocket],
        ['waits', waitsFor],
      ]),
    );
  return serveUntilStopped(server, output, announce);
};

const runVerb = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(new Command('run').description('Run the server until it is told to stop (SIGTERM).')),
    async ({ options, output, terminal }) => {
      const loaded = load(options, terminal);
      if (loaded.ok) return run(loaded.config, output);
      tellProblems(loaded.problems, fileOf(options, terminal), output);
      return EXIT.usage;
    },
  );

const checkVerb = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(
      new Command('check').description('Look at configuration, store, keys and ports, and say all that is wrong.'),
    ),
    async ({ options, output, terminal }) => {
      const loaded = load(options, terminal);
      if (!loaded.ok) {
        tellProblems(loaded.problems, fileOf(options, terminal), output);
        return EXIT.no;
      }
      const { checkServer } = await import('../compose/check-server.ts');
      const findings = await checkServer(loaded.config);
      const ok = findings.every((finding) => finding.ok);
      output.result({ ok, findings }, () =>
        table(
          ['', 'WHAT', 'FOUND'],
          findings.map((found) => [found.ok ? 'ok' : 'WRONG', found.what, found.detail]),
        ),
      );
      return ok ? EXIT.yes : EXIT.no;
    },
  );

/** `mayfly server`: for real use. */
export const serverCommand = (cli: Cli): Command =>
  new Command('server')
    .description('The server: prepare, check and run it.')
    .addCommand(initVerb(cli))
    .addCommand(runVerb(cli))
    .addCommand(checkVerb(cli));
