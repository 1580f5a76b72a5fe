import { Command } from 'commander';
import { type AgentConfig, type Config, DEFAULT_AGENT_CONFIG_FILE } from '../compose/config.ts';
import { fileOf, loadOrTell, tellProblems, withConfig } from './config-options.ts';
import type { ConfigOptions } from './config-options.ts';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { tellFindings } from './findings.ts';
import { record } from './output.ts';
import type { Output } from './output.ts';
import { serveUntilStopped, starting } from './serve.ts';
import { serviceOf } from './service.ts';
import type { Terminal } from './terminal.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

const hasAgent = (config: Config): config is AgentConfig => config.agent !== undefined;

/** The configuration of an agent; undefined when something is wrong with it, which was put out then. */
const loadAgent = (options: ConfigOptions, output: Output, terminal: Terminal): AgentConfig | undefined => {
  const config = loadOrTell(options, terminal, output, DEFAULT_AGENT_CONFIG_FILE);
  if (config === undefined || hasAgent(config)) return config;
  const file = fileOf(options, terminal, DEFAULT_AGENT_CONFIG_FILE);
  const right = 'a section with the URL of the server, which `mayfly agent init` writes';
  tellProblems([{ key: 'agent', source: 'file', reason: 'is missing', right }], file, output);
  return undefined;
};

const run = async (config: AgentConfig, output: Output, terminal: Terminal): Promise<ExitCode> => {
  const { startAgent } = await import('../compose/agent.ts');
  const service = serviceOf(terminal, output);
  const agent = await starting('agent', () => startAgent(config, { onHealth: (reasons) => service.health(reasons) }));
  const begin = async (): Promise<void> => {
    await agent.ready;
    const { trustDomain, workloadSocket } = agent;
    const line = { ready: true, trustDomain, agent: agent.spiffeId() ?? null, workloadSocket, pid: process.pid };
    output.result(line, () =>
      record([
        ['trust domain', trustDomain],
        ['agent', line.agent ?? undefined],
        ['workload socket', workloadSocket],
      ]),
    );
    service.ready();
  };
  return serveUntilStopped(
    agent,
    output,
    () => void begin(),
    () => service.stopping(),
  );
};

/** `mayfly agent run`. */
export const agentRunVerb = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(
      new Command('run').description('Run the agent of this node until it is told to stop (SIGTERM).'),
      DEFAULT_AGENT_CONFIG_FILE,
    ).addHelpText('after', '\nWith --json one line on stdout says that it serves, and where.'),
    async ({ options, output, terminal }) => {
      const config = loadAgent(options, output, terminal);
      return config === undefined ? EXIT.usage : run(config, output, terminal);
    },
  );

/** `mayfly agent check`. */
export const agentCheckVerb = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(
      new Command('check').description(
        'Look at state, server, clock, socket and attestors, and say all that is wrong.',
      ),
      DEFAULT_AGENT_CONFIG_FILE,
    ),
    async ({ options, output, terminal }) => {
      const config = loadAgent(options, output, terminal);
      if (config === undefined) return EXIT.no;
      const { checkAgent } = await import('../compose/check-agent.ts');
      return tellFindings(await checkAgent(config), output);
    },
  );
