import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { DEFAULT_CONFIG_FILE, parseConfig } from '../compose/config.ts';
import type { Config } from '../compose/config.ts';
import { loadOrTell, tellInitProblems, withConfig } from './config-options.ts';
import type { ConfigOptions } from './config-options.ts';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { tellFindings } from './findings.ts';
import { making } from './making.ts';
import { record } from './output.ts';
import type { Output } from './output.ts';
import { serveUntilStopped, starting } from './serve.ts';
import { resealVerb } from './server-reseal.ts';
import { serviceOf } from './service.ts';
import type { Terminal } from './terminal.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

interface InitOptions {
  readonly config: string;
  readonly trustDomain: string;
  readonly dataDir: string;
  readonly sealKey?: string;
  readonly socket: string;
}

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
        tellInitProblems(result.problems, 'mayfly server init', output);
        return EXIT.usage;
      }
      // Imported here, so that other commands do not load the store.
      const { initServer } = await import('../compose/init-server.ts');
      making('--config, --data-dir and --seal-key', () => initServer(made));
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

const run = async (config: Config, output: Output, terminal: Terminal): Promise<ExitCode> => {
  const { startServer } = await import('../compose/server.ts');
  const service = serviceOf(terminal, output);
  const server = await starting('server', () =>
    startServer(config, { onHealth: (reasons) => service.health(reasons) }),
  );
  const { waitsFor, readOnly } = server;
  const hindered = { ...(waitsFor !== undefined && { waitsFor }), ...(readOnly !== undefined && { readOnly }) };
  const announce = (): void =>
    output.result({ ...server.ready, ready: Object.keys(hindered).length === 0, ...hindered, pid: process.pid }, () =>
      record([
        ['trust domain', server.ready.trustDomain],
        ['api', server.ready.api],
        ['public', server.ready.public],
        ['admin socket', server.ready.adminSocket],
        ['waits', waitsFor],
        ['read-only', readOnly],
      ]),
    );
  const begin = (): void => {
    announce();
    service.ready();
  };
  return serveUntilStopped(server, output, begin, () => service.stopping());
};

const runVerb = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(new Command('run').description('Run the server until it is told to stop (SIGTERM).')),
    async ({ options, output, terminal }) => {
      const config = loadOrTell(options, terminal, output);
      return config === undefined ? EXIT.usage : run(config, output, terminal);
    },
  );

const checkVerb = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(
      new Command('check').description('Look at configuration, store, keys and ports, and say all that is wrong.'),
    ),
    async ({ options, output, terminal }) => {
      const config = loadOrTell(options, terminal, output);
      if (config === undefined) return EXIT.no;
      const { checkServer } = await import('../compose/check-server.ts');
      return tellFindings(await checkServer(config), output);
    },
  );

/** `mayfly server`: for real use. */
export const serverCommand = (cli: Cli): Command =>
  new Command('server')
    .description('The server: prepare, check and run it, and change its seal key.')
    .addCommand(initVerb(cli))
    .addCommand(runVerb(cli))
    .addCommand(checkVerb(cli))
    .addCommand(resealVerb(cli));
