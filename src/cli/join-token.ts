import { Command } from 'commander';
import type { JoinToken } from './answers.ts';
import { UsageError } from './exit.ts';
import { seconds } from './options.ts';
import { record, timeOfSeconds } from './output.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Options {
  readonly agent?: string | true;
  readonly entry?: string;
  readonly ttl?: number;
}

const purposeOf = ({ agent, entry }: Options): object => {
  if ((agent === undefined) === (entry === undefined)) throw new UsageError('either --agent or --entry ID');
  return entry === undefined ? { agent } : { entry };
};

const createVerb = (cli: Cli): Command =>
  adminVerb<Options>(
    cli,
    new Command('create')
      .description('Make a one-time token. It is shown once and kept nowhere.')
      .option('--agent [name]', 'for an agent, under a name of its own unless told')
      .option('--entry <id>', 'for the workload of one entry, without an agent')
      .option('--ttl <duration>', 'how long it may be redeemed; 10m unless told', seconds),
    async ({ api, options, output }) => {
      const { ttl } = options;
      const body = { ...purposeOf(options), ...(ttl !== undefined && { ttl }) };
      const created = (await api.call({ method: 'POST', path: '/v1/admin/join-tokens', body })).body as JoinToken;
      output.result(created, () =>
        record([
          ['token', created.token],
          ['for', created.spiffeId],
          ['expires', timeOfSeconds(created.expiresAt)],
          ['id', created.id],
        ]),
      );
    },
  );

/** `mayfly join-token` (DEC-16). */
export const joinTokenCommand = (cli: Cli): Command =>
  new Command('join-token').description('One-time tokens for a first attestation.').addCommand(createVerb(cli));
