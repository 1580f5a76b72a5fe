import { Command } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import type { Credential, Status } from './answers.ts';
import { record, table, timeOfSeconds } from './output.ts';
import { readPages, withPages } from './pages.ts';
import type { PageOptions } from './pages.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const CREDENTIALS = '/v1/admin/credentials';

/** One line on how a credential stands. */
export const statusText = ({ state, revocation, authorityRevoked }: Status): string => {
  if (revocation) return `${state} by ${revocation.id} (${revocation.reason})`;
  return authorityRevoked === true ? `${state} with the authority that signed it` : state;
};

const credentialText = (credential: Credential): string =>
  record([
    ['id', credential.id],
    ['kind', credential.credential],
    ['spiffe id', credential.spiffeId],
    ['status', statusText(credential.status)],
    ['valid', `${timeOfSeconds(credential.notBefore)} to ${timeOfSeconds(credential.notAfter)}`],
    ['holder', credential.role],
    ['agent', credential.agent],
    ['entry', credential.entry],
    ['authority', credential.authority],
    ['renews', credential.predecessor],
    ['ledger index', credential.index],
    ['why', `mayfly explain ${credential.id}`],
  ]);

interface FilterOptions {
  readonly spiffeId?: string;
  readonly prefix?: string;
  readonly agent?: string;
  readonly entry?: string;
  readonly live?: boolean;
}

const listVerb = (cli: Cli): Command =>
  adminVerb<FilterOptions & PageOptions>(
    cli,
    withPages(
      new Command('list')
        .description('List credentials on record, newest first.')
        .option('--spiffe-id <id>', 'only those of one identity')
        .option('--prefix <id>', 'only those of identities at or below this one')
        .option('--agent <id>', 'only those that came through an agent')
        .option('--entry <id>', 'only those that an entry gave')
        .option('--live', 'only those that have not expired'),
    ),
    async ({ api, options, output }) => {
      const { spiffeId, prefix, agent, entry, live } = options;
      const request = { path: CREDENTIALS, query: { spiffeId, prefix, agent, entry, live } };
      const credentials = await readPages<Credential>(api, request, 'credentials', options.limit, output);
      output.result(credentials, () =>
        table(
          ['ID', 'KIND', 'SPIFFE ID', 'UNTIL', 'STATUS'],
          credentials.map((row) => [
            row.id,
            row.credential,
            row.spiffeId,
            timeOfSeconds(row.notAfter),
            row.status.state,
          ]),
        ),
      );
    },
  );

const showVerb = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('show').description('Show one credential.').argument('<serial>', 'its serial or jti'),
    async ({ api, args: [id = ''], output }) => {
      const path = `${CREDENTIALS}/${segment(id)}`;
      const credential = (await api.call({ method: 'GET', path })).body as Credential;
      output.result(credential, () => credentialText(credential));
    },
  );

/** `mayfly credential`: what was issued. */
export const credentialCommand = (cli: Cli): Command =>
  new Command('credential')
    .description('Credentials: what was issued, and how it stands.')
    .addCommand(listVerb(cli))
    .addCommand(showVerb(cli));
