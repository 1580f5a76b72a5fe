import { Command, InvalidArgumentError } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import type { Resource } from './answers.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { repeated, seconds } from './options.ts';
import { record, table } from './output.ts';
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

const claimOption = (text: string, held: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as name=value');
  return { ...held, [text.slice(0, at)]: text.slice(at + 1) };
};

const scopeText = ({ name, maxTtl }: ScopeOption): string =>
  maxTtl === undefined ? name : `${name} (at most ${maxTtl} s)`;

const none = (values: readonly string[]): readonly string[] | undefined => (values.length === 0 ? undefined : values);

const resourceText = (resource: Resource): string =>
  record([
    ['identifier', resource.identifier],
    ['names', none(resource.names)],
    ['scopes', none(resource.scopes.map(scopeText))],
    ['bindings', resource.bindings.join(', ')],
    ['algorithm', resource.algorithm],
    ['owners', none(resource.owners)],
    ['claims', none(Object.entries(resource.claims).map(([name, value]) => `${name}: ${String(value)}`))],
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
      .option('--claim <name=value>', 'a claim in every token; may be repeated', claimOption)
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
