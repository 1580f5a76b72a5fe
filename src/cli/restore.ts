import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Accepted, AcceptPlan } from '../compose/accept-restore.ts';
import type { Config } from '../compose/config.ts';
import type { Restored } from '../compose/restore-backup.ts';
import { loadOrTell, withConfig } from './config-options.ts';
import type { ConfigOptions } from './config-options.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { answering, EXIT, UsageError } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { record, time } from './output.ts';
import type { Lines, Output } from './output.ts';
import { progressOf } from './progress.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Options extends ConfigOptions, ConfirmOptions {
  readonly accept?: boolean;
}

const restoredLines = ({ store, trustDomain, epoch, size, madeAt }: Restored): Lines => [
  ['store', `${store}, read-only`],
  ['trust domain', trustDomain],
  ['log', `epoch ${epoch}, size ${size}`],
  ['made', time(madeAt)],
  ['next', 'if nobody has a newer copy: mayfly restore --accept'],
];

const named = (keys: readonly { readonly id: string; readonly purpose: string }[]): readonly string[] =>
  keys.map(({ id, purpose }) => `${purpose} ${id}`);

const planLines = ({ store, reason, epoch, size, tainted }: AcceptPlan): Lines => [
  ['store', store],
  ['read-only', reason],
  ['goes on from', `epoch ${epoch}, size ${size}, in a new epoch`],
  ['tainted', named(tainted)],
  ['void', 'every join token that is open'],
  ['agents', 'read everything anew'],
];

const acceptedLines = (accepted: Accepted): Lines => [
  ['store', `${accepted.store}, takes writes again`],
  ['epoch', accepted.newEpoch],
  ['tainted', named(accepted.tainted)],
  ['active', named(accepted.activated)],
  ['trouble', accepted.trouble],
  ['next', 'start the server; revoke, ban and register again what was in the part that is lost'],
];

const restore = async (config: Config, file: string, output: Output): Promise<ExitCode> => {
  const { restoreBackup } = await import('../compose/restore-backup.ts');
  const onProgress = progressOf('restore', output);
  const restored = await answering(restoreBackup({ config, file: resolve(file), onProgress }));
  output.result(restored, () => record(restoredLines(restored)));
  return EXIT.yes;
};

const accept = async (config: Config, options: Options, output: Output): Promise<ExitCode> => {
  const { acceptRestore, planAcceptance } = await import('../compose/accept-restore.ts');
  const asked = { config, by: `uid:${process.getuid?.() ?? 0}` };
  if (options.yes !== true) {
    const plan = await answering(planAcceptance(asked));
    return wouldDo(output, plan, () => record(planLines(plan)));
  }
  const accepted = await answering(acceptRestore(asked));
  output.result({ done: true, ...accepted }, () => record(acceptedLines(accepted)));
  return EXIT.yes;
};

/** `mayfly restore`: a backup back into an empty folder, and writing again on a store that stopped. */
export const restoreCommand = (cli: Cli): Command =>
  verb<Options>(
    cli,
    withConfirm(
      withConfig(
        new Command('restore')
          .description('Bring a backup back into an empty data folder; the store is read-only until --accept.')
          .argument('[file]', 'the backup')
          .option('--accept', 'let a read-only store take writes again, in a new epoch; the server has to be stopped')
          .addHelpText(
            'after',
            '\nFirst look for a newer copy: what came after the backup is lost, also revocations. --accept opens a new epoch, voids\n' +
              'open join tokens, taints the authorities and activates their spares; every agent reads everything anew.',
          ),
      ),
    ),
    ({ args: [file], options, output, terminal }) => {
      const config = loadOrTell(options, terminal, output);
      if (config === undefined) return Promise.resolve(EXIT.usage);
      if ((file === undefined) === (options.accept !== true)) {
        throw new UsageError('either a backup to restore, or --accept for the store that is there');
      }
      return file === undefined ? accept(config, options, output) : restore(config, file, output);
    },
  );
