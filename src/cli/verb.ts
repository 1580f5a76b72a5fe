import type { Command, OptionValues } from 'commander';
import type { AdminApi } from '../adapters/http-client/admin.ts';
import { connect, withConnection } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import type { ExitCode } from './exit.ts';
import { EXIT } from './exit.ts';
import { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** One call of a command. */
export interface Invocation<Options> {
  readonly args: readonly string[];
  readonly options: Options;
  readonly output: Output;
  readonly terminal: Terminal;
}

export interface AdminInvocation<Options> extends Invocation<Options> {
  readonly api: AdminApi;
}

/** Runs a command to its end; nothing returned means yes. */
export type Run<I> = (invocation: I) => Promise<ExitCode | void>;

/** Collects what commands ended with, for the process to end with it too. */
export interface Cli {
  readonly terminal: Terminal;
  exit: ExitCode;
}

/** A verb that needs no server. */
export const verb = <Options extends OptionValues>(
  cli: Cli,
  command: Command,
  run: Run<Invocation<Options>>,
): Command =>
  command.option('--json', 'one JSON value a line in place of text').action(async () => {
    const options = command.opts<Options & { readonly json?: boolean }>();
    const output = new Output(cli.terminal, options.json ?? false);
    const ended = await run({ args: command.processedArgs as string[], options, output, terminal: cli.terminal });
    cli.exit = ended ?? EXIT.yes;
  });

/** A verb that asks a server. */
export const adminVerb = <Options extends OptionValues>(
  cli: Cli,
  command: Command,
  run: Run<AdminInvocation<Options>>,
): Command => {
  verb<Options & ConnectionOptions>(cli, command, (invocation) =>
    run({ ...invocation, api: connect(invocation.options, cli.terminal) }),
  );
  return withConnection(command);
};
