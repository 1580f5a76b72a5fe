import { Command, Option } from 'commander';
import type { AdminApi } from '../adapters/http-client/admin.ts';
import { AUTHORITY_PURPOSES } from '../domain/authority.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import type { ExitCode } from './exit.ts';
import { readInput } from './options.ts';
import type { Output } from './output.ts';
import { printable, record, table, timeOfSeconds } from './output.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const AUTHORITIES = '/v1/admin/authorities';

/** An authority as the admin API tells it. */
interface Authority {
  readonly id: string;
  readonly purpose: string;
  readonly algorithm: string;
  readonly generation: number;
  readonly state: string;
  readonly tainted: boolean;
  readonly keyHome: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

interface OperationPlan {
  readonly changes: readonly { readonly kind: string; readonly id?: string }[];
  readonly impact: { readonly liveCredentials: number; readonly agentsNotMoved: readonly string[] };
  readonly warnings: readonly string[];
}

const stateText = ({ state, tainted }: Authority): string => (tainted ? `${state}, tainted` : state);

const authorityText = (authority: Authority): string =>
  record([
    ['id', authority.id],
    ['purpose', authority.purpose],
    ['state', stateText(authority)],
    ['generation', authority.generation],
    ['algorithm', authority.algorithm],
    ['key', authority.keyHome],
    ['valid', `${timeOfSeconds(authority.notBefore)} to ${timeOfSeconds(authority.notAfter)}`],
  ]);

const planText = ({ changes, impact, warnings }: OperationPlan): string =>
  record([
    ['steps', changes.map(({ kind, id }) => (id === undefined ? kind : `${kind} ${id}`))],
    ['live credentials', impact.liveCredentials],
    ['agents not moved', impact.agentsNotMoved],
    ['warnings', warnings],
  ]);

const operate = async (
  api: AdminApi,
  operation: Readonly<Record<string, unknown>>,
  options: ConfirmOptions & { readonly force?: boolean },
  output: Output,
): Promise<ExitCode | void> => {
  if (options.yes !== true) {
    const seen = await api.call({ method: 'POST', path: `${AUTHORITIES}/preview`, body: operation });
    const plan = seen.body as OperationPlan;
    return wouldDo(output, { plan }, () => planText(plan));
  }
  const body = { ...operation, confirm: true, ...(options.force === true && { force: true }) };
  const plan = (await api.call({ method: 'POST', path: AUTHORITIES, body })).body as OperationPlan;
  output.result({ done: true, plan }, () => planText(plan));
  return undefined;
};

const listVerb = (cli: Cli): Command =>
  adminVerb(cli, new Command('list').description('List signing keys.'), async ({ api, output }) => {
    const { authorities, warnings = [] } = (await api.call({ method: 'GET', path: AUTHORITIES })).body as {
      readonly authorities: readonly Authority[];
      /** Absent from servers of before. */
      readonly warnings?: readonly string[];
    };
    output.result(authorities, () =>
      table(
        ['ID', 'PURPOSE', 'STATE', 'GENERATION', 'ALGORITHM', 'UNTIL'],
        authorities.map((authority) => [
          authority.id,
          authority.purpose,
          stateText(authority),
          String(authority.generation),
          authority.algorithm,
          timeOfSeconds(authority.notAfter),
        ]),
      ),
    );
    for (const each of warnings) output.note(each);
  });

const prepareVerb = (cli: Cli): Command =>
  adminVerb<ConfirmOptions & { readonly purpose: string; readonly algorithm?: string }>(
    cli,
    withConfirm(
      new Command('prepare')
        .description('Make a key and publish it; it signs nothing yet.')
        .addOption(
          new Option('--purpose <purpose>', 'what it is for').choices([...AUTHORITY_PURPOSES]).makeOptionMandatory(),
        )
        .addOption(new Option('--algorithm <alg>', 'how it signs').choices(['ES256', 'ES384', 'RS256'])),
    ),
    ({ api, options, output }) =>
      operate(
        api,
        {
          kind: 'prepare',
          purpose: options.purpose,
          ...(options.algorithm !== undefined && { algorithm: options.algorithm }),
        },
        options,
        output,
      ),
  );

const CHANGES = {
  activate: 'Let a prepared key sign; the one that did becomes old.',
  taint: 'Make agents replace at once what a key signed.',
  revoke: 'Drop a key from the bundle: nothing that it signed is good any more.',
} as const;

const changeVerb = (cli: Cli, kind: keyof typeof CHANGES): Command =>
  adminVerb<ConfirmOptions & { readonly reason?: string; readonly force?: boolean }>(
    cli,
    withConfirm(
      new Command(kind)
        .description(CHANGES[kind])
        .argument('<id>')
        .option('--reason <text>', 'why, for the record')
        .option('--force', 'go on in spite of the warnings'),
    ),
    ({ api, args: [id = ''], options, output }) =>
      operate(api, { kind, id, ...(options.reason !== undefined && { reason: options.reason }) }, options, output),
  );

const csrVerb = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('csr').description('Print the request that an offline root is to sign.'),
    async ({ api, output }) => {
      const { body } = await api.call({ method: 'POST', path: `${AUTHORITIES}/request` });
      output.result(body, () => printable((body as { readonly csr: string }).csr));
    },
  );

const installVerb = (cli: Cli): Command =>
  adminVerb<{ readonly roots?: string }>(
    cli,
    new Command('install')
      .description('Bring in what the offline root has signed.')
      .argument('<file>', 'the certificate in PEM, and the root after it; - is stdin')
      .option('--roots <file>', 'the root and others to publish with it, in PEM'),
    async ({ api, args: [file = '-'], options, output, terminal }) => {
      const certificate = await readInput(file, terminal);
      const roots = options.roots === undefined ? undefined : await readInput(options.roots, terminal);
      const body = { certificate, ...(roots !== undefined && { roots }) };
      const installed = (await api.call({ method: 'POST', path: `${AUTHORITIES}/install`, body })).body as Authority;
      output.result(installed, () => authorityText(installed));
    },
  );

/** `mayfly authority`: the keys of the trust domain. */
export const authorityCommand = (cli: Cli): Command => {
  const noun = new Command('authority').description('Authorities: the keys that sign.').addCommand(listVerb(cli));
  noun.addCommand(prepareVerb(cli));
  for (const kind of ['activate', 'taint', 'revoke'] as const) noun.addCommand(changeVerb(cli, kind));
  return noun.addCommand(csrVerb(cli)).addCommand(installVerb(cli));
};
