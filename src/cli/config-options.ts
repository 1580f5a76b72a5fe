import type { Command } from 'commander';
import { DEFAULT_CONFIG_FILE, loadConfig } from '../compose/config.ts';
import type { Config, ConfigResult } from '../compose/config.ts';
import { describeProblem } from '../compose/config-problems.ts';
import type { ConfigProblem } from '../compose/config-problems.ts';
import { pairs } from './options.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

export interface ConfigOptions {
  readonly config?: string;
  readonly set?: Readonly<Record<string, string>>;
}

/** Gives a command that works on the files of a server or an agent the options that say which. */
export const withConfig = (command: Command, defaultFile = DEFAULT_CONFIG_FILE): Command =>
  command
    .option('--config <file>', `the configuration (MAYFLY_CONFIG, ${defaultFile})`)
    .option('--set <key=value>', 'set one key, above environment and file; may be repeated', pairs('key=value'));

/** The configuration file that options and environment name. */
export const fileOf = (
  { config }: ConfigOptions,
  { environment }: Terminal,
  defaultFile = DEFAULT_CONFIG_FILE,
): string => config ?? environment['MAYFLY_CONFIG'] ?? defaultFile;

const load = (options: ConfigOptions, terminal: Terminal, defaultFile = DEFAULT_CONFIG_FILE): ConfigResult =>
  loadConfig(fileOf(options, terminal, defaultFile), { environment: terminal.environment, flags: options.set ?? {} });

/** Puts out what is wrong with a configuration; `file` is where it stands. */
export const tellProblems = (problems: readonly ConfigProblem[], file: string, output: Output): void => {
  const lines = problems.map((problem) => describeProblem(problem, file));
  output.result({ ok: false, problems }, () => `${lines.join('\n')}\n`);
};

/** The configuration; undefined when something is wrong with it, which was put out then. */
export const loadOrTell = (
  options: ConfigOptions,
  terminal: Terminal,
  output: Output,
  defaultFile = DEFAULT_CONFIG_FILE,
): Config | undefined => {
  const loaded = load(options, terminal, defaultFile);
  if (loaded.ok) return loaded.config;
  tellProblems(loaded.problems, fileOf(options, terminal, defaultFile), output);
  return undefined;
};

/** Puts out what is wrong with the configuration that `init` would write: without its lines, which nobody has seen. */
export const tellInitProblems = (problems: readonly ConfigProblem[], command: string, output: Output): void =>
  tellProblems(
    problems.map(({ line: _line, ...problem }) => problem),
    command,
    output,
  );
