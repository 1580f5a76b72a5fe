import { Command, Option } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import type { AdminApi } from '../adapters/http-client/admin.ts';
import { REVOCATION_REASONS } from '../domain/revocation-reason.ts';
import type { RevocationMode } from '../domain/revocation-reason.ts';
import { TARGET_KINDS } from '../domain/revocation.ts';
import type { RevocationTarget } from '../domain/revocation.ts';
import { allConfirmed, awaitAgents, awaitedText } from './await-agents.ts';
import type { Preview, ReleaseOutcome, Revocation, RevokeOutcome } from './answers.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { EXIT, UsageError } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { wholeBetween } from './options.ts';
import { table, time } from './output.ts';
import type { Output } from './output.ts';
import { previewText, revocationText } from './revocation-text.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const REVOCATIONS = '/v1/admin/revocations';

type TargetOptions = Readonly<Partial<Record<(typeof TARGET_KINDS)[number], string>>>;

interface Options extends ConfirmOptions, TargetOptions {
  readonly reissue?: boolean;
  readonly hold?: boolean;
  readonly reason?: string;
  readonly wait?: number | true;
}

/** Seconds that agents have to confirm, unless told. */
const DEFAULT_WAIT = 10;

const waitOf = (wait: Options['wait']): number | undefined => (wait === true ? DEFAULT_WAIT : wait);

const targetOf = (options: TargetOptions): RevocationTarget => {
  const [target, ...more] = TARGET_KINDS.flatMap((kind) => {
    const value = options[kind];
    return value === undefined ? [] : [{ kind, value }];
  });
  if (target === undefined || more.length > 0) {
    throw new UsageError(`name one target: ${TARGET_KINDS.map((kind) => `--${kind}`).join(', ')}`);
  }
  return target;
};

const modeOf = ({ reissue, hold }: Options): RevocationMode => {
  if (reissue === true && hold === true) throw new UsageError('either --reissue or --hold');
  if (hold === true) return 'hold';
  return reissue === true ? 'reissue' : 'revoke';
};

export interface RevokeOrder {
  readonly target: RevocationTarget;
  readonly mode: RevocationMode;
  readonly reason?: string | undefined;
  readonly yes?: boolean | undefined;
  /** Seconds to wait for agents to confirm. */
  readonly wait?: number | undefined;
}

/**
 * Shows what would be hit; with `yes` it happens. Revoking twice is one revocation. With `wait` the answer is "could not tell"
 * unless all agents confirmed in time.
 */
export const orderRevocation = async (api: AdminApi, order: RevokeOrder, output: Output): Promise<ExitCode | void> => {
  const { target, mode, reason, yes, wait } = order;
  const seen = await api.call({ method: 'POST', path: `${REVOCATIONS}/preview`, body: { target } });
  const preview = seen.body as Preview;
  if (yes !== true) return wouldDo(output, { preview }, () => previewText(preview));
  const body = { target, mode, confirm: true, ...(reason !== undefined && { reason }) };
  const outcome = (await api.call({ method: 'POST', path: REVOCATIONS, body })).body as RevokeOutcome;
  if (!outcome.recorded) output.note('it was in force already; nothing new was recorded');
  const awaited = wait === undefined ? undefined : await awaitAgents(api, outcome.revocation.id, wait);
  output.result(
    { done: true, ...outcome, preview, ...(awaited && { confirmations: awaited }) },
    () => revocationText(outcome.revocation) + (awaited ? awaitedText(awaited) : ''),
  );
  return awaited && !allConfirmed(awaited) ? EXIT.unknown : undefined;
};

const listVerb = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('list').description('List what is revoked, on hold or locked now.'),
    async ({ api, output }) => {
      const { body } = await api.call({ method: 'GET', path: REVOCATIONS });
      const { revocations } = body as { readonly revocations: readonly Revocation[] };
      output.result(revocations, () =>
        table(
          ['ID', 'TARGET', 'EFFECT', 'REASON', 'SINCE'],
          revocations.map(({ id, target, predicates, reason, at }) => [
            id,
            `${target.kind} ${target.value}`,
            predicates.join(', '),
            reason,
            time(at),
          ]),
        ),
      );
    },
  );

const releaseVerb = (cli: Cli): Command =>
  adminVerb<ConfirmOptions>(
    cli,
    withConfirm(
      new Command('release')
        .description('Take back the block or hold of a revocation. What was cut off stays dead.')
        .argument('<revocation>', 'its id'),
    ),
    async ({ api, args: [id = ''], options, output }) => {
      if (options.yes !== true) return wouldDo(output, { release: id }, () => `would release ${id}\n`);
      const { body } = await api.call({ method: 'POST', path: `${REVOCATIONS}/${segment(id)}/release` });
      const outcome = body as ReleaseOutcome;
      if (!outcome.recorded) output.note('it had been released before; nothing new was recorded');
      output.result({ done: true, id, ...outcome }, () => `released ${id}\n`);
      return undefined;
    },
  );

/** `mayfly revoke`, `mayfly revoke list` and `mayfly revoke release` (DEC-6). */
export const revokeCommand = (cli: Cli): Command =>
  adminVerb<Options>(
    cli,
    withConfirm(
      new Command('revoke')
        .description('End what was issued, and issue nothing more. Shows what it would hit, and does it with --yes.')
        .option('--identity <id>', 'a SPIFFE ID')
        .option('--prefix <id>', 'a SPIFFE ID and all below it')
        .option('--agent <id>', 'an agent and all that came through it')
        .option('--entry <id>', 'all that one entry gave')
        .option('--credential <serial>', 'one credential, by serial or jti')
        .option('--reissue', 'end what was issued, but let successors be issued')
        .option('--hold', 'suspend until it is released')
        .option(
          '--wait [seconds]',
          `wait until agents have confirmed it, ${DEFAULT_WAIT} s unless told; ends with 3 when not all have`,
          wholeBetween(1, 3600),
        )
        .addOption(new Option('--reason <word>', 'why').choices([...REVOCATION_REASONS])),
    ),
    ({ api, options, output }) =>
      orderRevocation(
        api,
        {
          target: targetOf(options),
          mode: modeOf(options),
          reason: options.reason,
          yes: options.yes,
          wait: waitOf(options.wait),
        },
        output,
      ),
  )
    .addCommand(listVerb(cli))
    .addCommand(releaseVerb(cli));
