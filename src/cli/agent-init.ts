import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { DEFAULT_AGENT_CONFIG_FILE, parseConfig } from '../compose/config.ts';
import { initAgent } from '../compose/init-agent.ts';
import { tellInitProblems } from './config-options.ts';
import { EXIT, UsageError } from './exit.ts';
import { making } from './making.ts';
import { record } from './output.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Options {
  readonly config: string;
  readonly trustDomain: string;
  readonly server: string;
  readonly rootSha256?: string;
  readonly bundleFile?: string;
  readonly joinTokenFile?: string;
  readonly stateDir: string;
  readonly socket: string;
  readonly cacheKey?: string;
}

const sectionOf = (options: Options): Readonly<Record<string, unknown>> => {
  const { rootSha256, bundleFile, joinTokenFile, cacheKey } = options;
  if ((rootSha256 === undefined) === (bundleFile === undefined)) {
    throw new UsageError('either --root-sha256 or --bundle-file says how the server is known');
  }
  return {
    server: options.server,
    stateDir: resolve(options.stateDir),
    socket: resolve(options.socket),
    trust: rootSha256 === undefined ? { bundleFile: resolve(bundleFile ?? '') } : { rootSha256 },
    ...(joinTokenFile !== undefined && { evidence: { joinTokenFile: resolve(joinTokenFile) } }),
    ...(cacheKey !== undefined && { cacheKey: resolve(cacheKey) }),
  };
};

/** `mayfly agent init`. */
export const agentInitVerb = (cli: Cli): Command =>
  verb<Options>(
    cli,
    new Command('init')
      .description('Make the state folder and the configuration of an agent. Overwrites nothing.')
      .requiredOption('--trust-domain <name>', 'the trust domain')
      .requiredOption('--server <urls>', 'where the server’s api is; several with commas between them')
      .option(
        '--root-sha256 <digits>',
        'the fingerprint of its active root, as `mayfly bundle show --sha256` prints it',
      )
      .option('--bundle-file <file>', 'the bundle instead')
      .option('--join-token-file <file>', 'a file with a join token')
      .option('--config <file>', 'where the configuration goes', DEFAULT_AGENT_CONFIG_FILE)
      .option('--state-dir <folder>', 'where its keys will be', '/var/lib/mayfly-agent')
      .option('--socket <path>', 'where workloads will find it', '/run/mayfly/workload.sock')
      .option('--cache-key <file>', 'make a key here, and keep what is served on disk under it'),
    async ({ options, output, terminal }) => {
      const file = resolve(options.config);
      const agent = sectionOf(options);
      const text = JSON.stringify({ trustDomain: options.trustDomain, agent });
      const result = parseConfig({ text, folder: dirname(file), environment: terminal.environment, flags: {} });
      if (!result.ok) {
        tellInitProblems(result.problems, 'mayfly agent init', output);
        return EXIT.usage;
      }
      const { trustDomain, cacheKey } = options;
      const stateDir = resolve(options.stateDir);
      making('--config, --state-dir and --cache-key', () =>
        initAgent({
          file,
          trustDomain,
          agent,
          stateDir,
          ...(cacheKey !== undefined && { cacheKey: resolve(cacheKey) }),
        }),
      );
      output.result({ file, trustDomain, ...agent }, () =>
        record([
          ['configuration', file],
          ['state folder', stateDir],
          ['cache key', cacheKey === undefined ? undefined : resolve(cacheKey)],
          ['next', `mayfly agent check --config ${file}`],
        ]),
      );
      return EXIT.yes;
    },
  );
