import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadOrTell, withConfig } from './config-options.ts';
import type { ConfigOptions } from './config-options.ts';
import { answering, EXIT } from './exit.ts';
import { record, time } from './output.ts';
import { progressOf } from './progress.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

/** `mayfly backup`: an encrypted copy of the store, while the server runs or not. */
export const backupCommand = (cli: Cli): Command =>
  verb<ConfigOptions>(
    cli,
    withConfig(
      new Command('backup')
        .description('Write an encrypted copy of the store to a new file. The server goes on meanwhile.')
        .argument('<file>', 'where it goes; nothing is overwritten')
        .addHelpText(
          'after',
          '\nRun it as the user of the server, or as root, where the data folder and the seal key are. It is encrypted under a\n' +
            'key derived from the seal key, which is not in it: to restore, you need both.',
        ),
    ),
    async ({ args: [file = ''], options, output, terminal }) => {
      const config = loadOrTell(options, terminal, output);
      if (config === undefined) return EXIT.usage;
      const { backupStore } = await import('../compose/backup-store.ts');
      const asked = { config, file: resolve(file), onProgress: progressOf('backup', output) };
      const backup = await answering(backupStore(asked));
      output.result(backup, () =>
        record([
          ['backup', backup.file],
          ['bytes', backup.length],
          ['trust domain', backup.trustDomain],
          ['log', `epoch ${backup.epoch}, size ${backup.size}`],
          ['made', time(backup.madeAt)],
          ['to restore', 'the seal key as it is now, kept apart from this file'],
        ]),
      );
      return EXIT.yes;
    },
  );
