import { Command } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import type { AdminApi } from '../adapters/http-client/admin.ts';
import type { Entry } from './answers.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { applyVerb } from './entry-apply.ts';
import { draftOf, entryText, withEntryFields } from './entry-fields.ts';
import type { EntryOptions } from './entry-fields.ts';
import { UsageError } from './exit.ts';
import { table } from './output.ts';
import { readPages, withPages } from './pages.ts';
import type { PageOptions } from './pages.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const ENTRIES = '/v1/admin/entries';

const entryPath = (id: string): string => `${ENTRIES}/${segment(id)}`;

const fetchEntry = async (
  api: AdminApi,
  id: string,
): Promise<{ readonly entry: Entry; readonly etag: string | undefined }> => {
  const { body, headers } = await api.call({ method: 'GET', path: entryPath(id) });
  return { entry: body as Entry, etag: headers.etag };
};

const createVerb = (cli: Cli): Command =>
  adminVerb<EntryOptions & { readonly id?: string }>(
    cli,
    withEntryFields(
      new Command('create')
        .description('Say who gets an identity.')
        .option('--id <id>', 'the id of the entry; one is made unless told'),
    ),
    async ({ api, options, output }) => {
      const { id, spiffeId, selector } = options;
      if (spiffeId === undefined || selector === undefined) {
        throw new UsageError('an entry wants --spiffe-id (what it gives) and --selector (to whom)');
      }
      const body = { ...draftOf(options), ...(id !== undefined && { id }) };
      const entry = (await api.call({ method: 'POST', path: ENTRIES, body })).body as Entry;
      output.result(entry, () => entryText(entry));
    },
  );

/** What the server says of a record beside the fields that an operator writes. */
const SERVER_FIELDS = new Set(['id', 'revision', 'createdAt', 'updatedAt']);

const updateVerb = (cli: Cli): Command =>
  adminVerb<EntryOptions>(
    cli,
    withEntryFields(
      new Command('update').description('Change an entry: what is named, all else stays.').argument('<id>'),
    ),
    async ({ api, args: [id = ''], options, output }) => {
      const changes = draftOf(options);
      if (Object.keys(changes).length === 0) throw new UsageError('name at least one field to change');
      const { entry: before, etag } = await fetchEntry(api, id);
      const fields = Object.fromEntries(Object.entries(before).filter(([name]) => !SERVER_FIELDS.has(name)));
      const headers = etag === undefined ? {} : { 'if-match': etag };
      const { body } = await api.call({ method: 'PUT', path: entryPath(id), headers, body: { ...fields, ...changes } });
      output.result(body, () => entryText(body as Entry));
    },
  );

const deleteVerb = (cli: Cli): Command =>
  adminVerb<ConfirmOptions>(
    cli,
    withConfirm(new Command('delete').description('Delete an entry: it gives nothing from then on.').argument('<id>')),
    async ({ api, args: [id = ''], options, output }) => {
      const { entry, etag } = await fetchEntry(api, id);
      if (options.yes !== true) return wouldDo(output, { entry }, () => `would delete:\n${entryText(entry)}`);
      const headers = etag === undefined ? {} : { 'if-match': etag };
      await api.call({ method: 'DELETE', path: entryPath(id), headers });
      output.result({ done: true, id }, () => `deleted ${id}\n`);
      return undefined;
    },
  );

const showVerb = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('show').description('Show one entry.').argument('<id>'),
    async ({ api, args: [id = ''], output }) => {
      const { entry } = await fetchEntry(api, id);
      output.result(entry, () => entryText(entry));
    },
  );

interface FilterOptions {
  readonly spiffeId?: string;
  readonly parent?: string;
  readonly selector?: string;
  readonly owner?: string;
  readonly prefix?: string;
}

const withFilter = (command: Command): Command =>
  command
    .option('--spiffe-id <id>', 'only those that give this identity')
    .option('--prefix <id>', 'only those that give an identity at or below this one')
    .option('--parent <id>', 'only those below this agent or group')
    .option('--selector <type:value>', 'only those that ask for this selector')
    .option('--owner <label>', 'only those of one owner');

const queryOf = ({ spiffeId, parent, selector, owner, prefix }: FilterOptions) => ({
  spiffeId,
  parentId: parent,
  selector,
  owner,
  prefix,
});

const listVerb = (cli: Cli): Command =>
  adminVerb<FilterOptions & PageOptions>(
    cli,
    withPages(withFilter(new Command('list').description('List entries.'))),
    async ({ api, options, output }) => {
      const request = { path: ENTRIES, query: queryOf(options) };
      const entries = await readPages<Entry>(api, request, 'entries', options.limit, output);
      output.result(entries, () =>
        table(
          ['ID', 'SPIFFE ID', 'PARENT', 'SELECTORS', 'OWNER'],
          entries.map(({ id, spiffeId, parentId, selectors, owner }) => [
            id,
            spiffeId,
            parentId,
            selectors.join(' '),
            owner ?? '',
          ]),
        ),
      );
    },
  );

const countVerb = (cli: Cli): Command =>
  adminVerb<FilterOptions>(
    cli,
    withFilter(new Command('count').description('Count entries.')),
    async ({ api, options, output }) => {
      const { body } = await api.call({ method: 'GET', path: `${ENTRIES}/count`, query: queryOf(options) });
      output.result(body, () => `${(body as { readonly count: number }).count}\n`);
    },
  );

/** `mayfly entry`: who gets which identity. */
export const entryCommand = (cli: Cli): Command => {
  const noun = new Command('entry').description('Entries: who gets which identity.');
  for (const make of [createVerb, updateVerb, deleteVerb, showVerb, listVerb, countVerb, applyVerb])
    noun.addCommand(make(cli));
  return noun;
};
