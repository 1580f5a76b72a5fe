import { Command, CommanderError } from 'commander';
import { packageVersion } from '../compose/version.ts';
import { agentCommand } from './agent.ts';
import { authorityCommand } from './authority.ts';
import { backupCommand } from './backup.ts';
import { bundleCommand } from './bundle.ts';
import { credentialCommand } from './credential.ts';
import { devCommand } from './dev.ts';
import { entryCommand } from './entry.ts';
import { EXIT, failureOf } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { explainCommand } from './explain.ts';
import { fetchCommand } from './fetch.ts';
import { joinTokenCommand } from './join-token.ts';
import { Output } from './output.ts';
import { resourceCommand } from './resource.ts';
import { restoreCommand } from './restore.ts';
import { revokeCommand } from './revoke.ts';
import { serverCommand } from './server.ts';
import { processTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';
import { validateCommand } from './validate.ts';
import type { Cli } from './verb.ts';

const NOUNS = [
  devCommand,
  serverCommand,
  joinTokenCommand,
  entryCommand,
  resourceCommand,
  agentCommand,
  authorityCommand,
  bundleCommand,
  fetchCommand,
  credentialCommand,
  validateCommand,
  explainCommand,
  revokeCommand,
  backupCommand,
  restoreCommand,
] as const;

/** Makes usage errors end with 2 (DEC-42) and go to the terminal that is passed in, for a command and its subcommands. */
const strict = (command: Command, terminal: Terminal): Command => {
  command.configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.err(text),
    outputError: (text, write) => write(text.replace(/^error: /, 'mayfly: ')),
  });
  command.exitOverride().enablePositionalOptions().showHelpAfterError('(--help says more)').helpCommand(false);
  for (const child of command.commands) strict(child, terminal);
  return command;
};

/** The whole command line. */
export const createProgram = (cli: Cli): Command => {
  const program = new Command('mayfly')
    .description('Short-lived credentials for workloads: SPIFFE identities and access tokens.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'say what there is');
  for (const noun of NOUNS) program.addCommand(noun(cli));
  return strict(program, cli.terminal);
};

/** A key id: the base64url of a digest. No option is as long. */
const KEY_ID_LIKE_OPTION = /^-[\w-]{42}$/;

/** One key id in 64 begins with a dash: puts `--` before such ids, so that nobody has to know of it. */
const withIdsLast = (args: readonly string[]): readonly string[] => {
  const isId = (arg: string): boolean => KEY_ID_LIKE_OPTION.test(arg);
  if (args.includes('--') || !args.some(isId)) return args;
  return [...args.filter((arg) => !isId(arg)), '--', ...args.filter(isId)];
};

/** Runs one command line, given without the names of runtime and script. Resolves with the exit code, and never rejects. */
export const run = async (args: readonly string[], terminal: Terminal): Promise<ExitCode> => {
  const cli: Cli = { terminal, exit: EXIT.yes };
  try {
    await createProgram(cli).parseAsync([...withIdsLast(args)], { from: 'user' });
    return cli.exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.yes : EXIT.usage;
    const failure = failureOf(error);
    if (failure) {
      new Output(terminal, args.includes('--json')).fail(failure);
      return failure.exit;
    }
    terminal.err(`mayfly: this is a bug in Mayfly, please report it\n${(error as Error).stack ?? String(error)}\n`);
    return EXIT.unknown;
  }
};

/** What the launcher calls. Ends the process itself: a thread or socket left open must not keep a finished command alive. */
export const main = async (args: readonly string[]): Promise<never> => process.exit(await run(args, processTerminal));
