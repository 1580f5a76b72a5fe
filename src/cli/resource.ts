import { Command, InvalidArgumentError } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import type { Resource } from './answers.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { pairs, repeated, seconds } from './options.ts';
import { record, table, unlessEmpty } from './output.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const RESOURCES = '/v1/admin/resources';

const resourcePath = (name: string): string => `${RESOURCES}/${segment(name)}`;

interface ScopeOption {
  readonly name: string;
  readonly maxTtl?: number | undefined;
}

interface CreateOptions {
  readonly name?: readonly string[];
  readonly resourceOwner?: readonly string[];
  readonly scope?: readonly ScopeOption[];
  readonly binding?: readonly string[];
  readonly algorithm?: string;
  readonly claim?: Readonly<Record<string, string>>;
  readonly owner?: string;
}

const scopeOption = (text: string, held: readonly ScopeOption[] = []): readonly ScopeOption[] => {
  const [name = '', ttl, ...more] = text.split('=');
  if (name === '' || more.length > 0) throw new InvalidArgumentError('write it as name or name=10m');
  return [...held, { name, ...(ttl !== undefined && { maxTtl: seconds(ttl) }) }];
};

const scopeText = ({ name, maxTtl }: ScopeOption): string =>
  maxTtl === undefined ? name : `${name} (at most ${maxTtl} s)`;

const resourceText = (resource: Resource): string =>
  record([
    ['identifier', resource.identifier],
    ['names', unlessEmpty(resource.names)],
    ['scopes', unlessEmpty(resource.scopes.map(scopeText))],
    ['bindings', resource.bindings.join(', ')],
    ['algorithm', resource.algorithm],
    ['owners', unlessEmpty(resource.owners)],
    ['claims', unlessEmpty(Object.entries(resource.claims).map(([name, value]) => `${name}: ${String(value)}`))],
    ['owner', resource.owner],
    ['revision', resource.revision],
  ]);

const createVerb = (cli: Cli): Command =>
  adminVerb<CreateOptions>(
    cli,
    new Command('create')
      .description('Name an API that takes access tokens.')
      .argument('<identifier>', 'its URI, which becomes the audience of tokens')
      .option(
        '--scope <name[=ttl]>',
        'a scope, and how long a token with it lives at most; may be repeated',
        scopeOption,
      )
      .option('--name <name>', 'another name that clients may ask by; may be repeated', repeated)
      .option('--resource-owner <id>', 'a SPIFFE ID that may ask about its tokens; may be repeated', repeated)
      .option(
        '--binding <kind>',
        'dpop, mtls or bearer, best first; dpop and mtls unless told; may be repeated',
        repeated,
      )
      .option('--algorithm <alg>', 'ES256 unless told, or RS256')
      .option('--claim <name=value>', 'a claim in every token; may be repeated', pairs('name=value'))
      .option('--owner <label>', 'who keeps this record'),
    async ({ api, args: [identifier = ''], options, output }) => {
      const draft = {
        identifier,
        scopes: options.scope ?? [],
        names: options.name,
        owners: options.resourceOwner,
        bindings: options.binding,
        algorithm: options.algorithm,
        claims: options.claim,
        owner: options.owner,
      };
      const resource = (await api.call({ method: 'POST', path: RESOURCES, body: draft })).body as Resource;
      output.result(resource, () => resourceText(resource));
    },
  );

const listVerb = (cli: Cli): Command =>
  adminVerb(cli, new Command('list').description('List resources.'), async ({ api, output }) => {
    const { resources } = (await api.call({ method: 'GET', path: RESOURCES })).body as {
      readonly resources: readonly Resource[];
    };
    output.result(resources, () =>
      table(
        ['IDENTIFIER', 'SCOPES', 'BINDINGS', 'OWNER'],
        resources.map(({ identifier, scopes, bindings, owner }) => [
          identifier,
          scopes.map(({ name }) => name).join(' '),
          bindings.join(' '),
          owner ?? '',
        ]),
      ),
    );
  });

const showVerb = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('show').description('Show one resource.').argument('<identifier>', 'its URI, or another of its names'),
    async ({ api, args: [name = ''], output }) => {
      const resource = (await api.call({ method: 'GET', path: resourcePath(name) })).body as Resource;
      output.result(resource, () => resourceText(resource));
    },
  );

const deleteVerb = (cli: Cli): Command =>
  adminVerb<ConfirmOptions>(
    cli,
    withConfirm(new Command('delete').description('Delete a resource that no entry grants.').argument('<identifier>')),
    async ({ api, args: [name = ''], options, output }) => {
      const { body, headers } = await api.call({ method: 'GET', path: resourcePath(name) });
      const resource = body as Resource;
      if (options.yes !== true) return wouldDo(output, { resource }, () => `would delete:\n${resourceText(resource)}`);
      const { identifier } = resource;
      const match = headers.etag === undefined ? {} : { 'if-match': headers.etag };
      await api.call({ method: 'DELETE', path: resourcePath(identifier), headers: match });
      output.result({ done: true, identifier }, () => `deleted ${identifier}\n`);
      return undefined;
    },
  );

/** `mayfly resource`: APIs that take our access tokens (DEC-47). */
export const resourceCommand = (cli: Cli): Command => {
  const noun = new Command('resource').description('Resources: APIs that take access tokens.');
  for (const make of [createVerb, listVerb, showVerb, deleteVerb]) noun.addCommand(make(cli));
  return noun;
};
