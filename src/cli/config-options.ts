import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { DEFAULT_CONFIG_FILE, loadConfig } from '../compose/config.ts';
import type { ConfigResult } from '../compose/config.ts';
import { describeProblem } from '../compose/config-problems.ts';
import type { ConfigProblem } from '../compose/config-problems.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

export interface ConfigOptions {
  readonly config?: string;
  readonly set?: Readonly<Record<string, string>>;
}

const collect = (text: string, held: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as key=value');
  return { ...held, [text.slice(0, at)]: text.slice(at + 1) };
};

/** Gives a command that works on the files of a server or an agent the options that say which. */
export const withConfig = (command: Command, defaultFile = DEFAULT_CONFIG_FILE): Command =>
  command
    .option('--config <file>', `the configuration (MAYFLY_CONFIG, ${defaultFile})`)
    .option('--set <key=value>', 'set one key, above environment and file; may be repeated', collect);

/** The configuration file that options and environment name. */
export const fileOf = (
  { config }: ConfigOptions,
  { environment }: Terminal,
  defaultFile = DEFAULT_CONFIG_FILE,
): string => config ?? environment['MAYFLY_CONFIG'] ?? defaultFile;

export const load = (options: ConfigOptions, terminal: Terminal, defaultFile = DEFAULT_CONFIG_FILE): ConfigResult =>
  loadConfig(fileOf(options, terminal, defaultFile), { environment: terminal.environment, flags: options.set ?? {} });

export const tellProblems = (problems: readonly ConfigProblem[], file: string, output: Output): void => {
  const lines = problems.map((problem) => describeProblem(problem, file));
  output.result({ ok: false, problems }, () => `${lines.join('\n')}\n`);
};
