import type { Command } from 'commander';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import type { Output } from './output.ts';

export interface ConfirmOptions {
  readonly yes?: boolean;
}

/** Gives a command that cannot be taken back the option that makes it happen. */
export const withConfirm = (command: Command): Command =>
  command.option('--yes', 'do it; without this it only says what would be done');

/** Says what would be done, and that it was not. The answer is no. */
export const wouldDo = (output: Output, plan: object, human: () => string): ExitCode => {
  output.result({ done: false, ...plan }, human);
  output.note('nothing was done; --yes does it');
  return EXIT.no;
};
