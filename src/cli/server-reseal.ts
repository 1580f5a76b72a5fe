import { relative, resolve } from 'node:path';
import { Command } from 'commander';
import type { Resealed, ResealPlan } from '../compose/reseal-server.ts';
import { loadOrTell, withConfig } from './config-options.ts';
import type { ConfigOptions } from './config-options.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { answering, EXIT, UsageError } from './exit.ts';
import { record } from './output.ts';
import type { Lines } from './output.ts';
import type { Terminal } from './terminal.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Options extends ConfigOptions, ConfirmOptions {
  readonly newKey?: string;
}

const isCredential = (sealKey: string, { environment }: Terminal): boolean => {
  const folder = environment['CREDENTIALS_DIRECTORY'];
  return folder !== undefined && !relative(folder, sealKey).startsWith('..');
};

/** Without a file named for it, the new key lies beside the old one until it takes its place. */
const placeOf = ({ newKey }: Options, sealKey: string, terminal: Terminal) => {
  if (newKey !== undefined) return { newKey: resolve(newKey), swap: false };
  if (!isCredential(sealKey, terminal)) return { newKey: `${sealKey}.next`, swap: true };
  throw new UsageError('the seal key is a systemd credential, which only its source changes: name a file, --new-key');
};

const planLines = ({ store, keys, sealKey, newKey, resealed, swap }: ResealPlan): Lines => [
  ['store', store],
  ['keys', resealed ? `${keys}, sealed under the new key already by an earlier run` : keys],
  ['seal key', sealKey],
  ['new key', newKey],
  [
    'then',
    swap ? 'the new key takes the place of the seal key, whose file is kept' : `you put it in the place of ${sealKey}`,
  ],
];

const doneLines = ({ keys, sealKey, newKey, swap, oldKey }: Resealed): Lines => [
  ['keys', keys],
  ['seal key', swap ? `${sealKey} (new; keep a copy apart from the data)` : `${newKey} (new)`],
  ['old key', `${oldKey ?? sealKey} (opens the backups made before now, and nothing else)`],
  ['next', swap ? undefined : `before the server starts, put ${newKey} in the place of ${sealKey}`],
];

/** `mayfly server reseal`: a new seal key for the store. */
export const resealVerb = (cli: Cli): Command =>
  verb<Options>(
    cli,
    withConfirm(
      withConfig(
        new Command('reseal')
          .description('Seal the private keys of the store under a new seal key. The server has to be stopped.')
          .option('--new-key <file>', 'the new key; made there if it is missing, and then yours to put in place'),
      ),
    ),
    async ({ options, output, terminal }) => {
      const config = loadOrTell(options, terminal, output);
      if (config === undefined) return EXIT.usage;
      const place = placeOf(options, config.server.sealKey, terminal);
      const { planReseal, resealServer } = await import('../compose/reseal-server.ts');
      const asked = { config, ...place, by: `uid:${process.getuid?.() ?? 0}` };
      if (options.yes !== true) {
        const plan = await answering(planReseal(asked));
        return wouldDo(output, plan, () => record(planLines(plan)));
      }
      const resealed = await answering(resealServer(asked));
      output.result({ done: true, ...resealed }, () => record(doneLines(resealed)));
      return EXIT.yes;
    },
  );
