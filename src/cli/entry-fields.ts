import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Entry } from './answers.ts';
import { moment, repeated, seconds, wholeBetween } from './options.ts';
import { record, time, timeOfSeconds, unlessEmpty } from './output.ts';

interface AdminOption {
  readonly role: string;
  readonly prefix: string;
}

interface GrantOption {
  readonly resource: string;
  readonly scopes: readonly string[];
}

export interface EntryOptions {
  readonly spiffeId?: string;
  readonly parent?: string;
  readonly selector?: readonly string[];
  readonly x509Ttl?: number;
  readonly jwtTtl?: number;
  readonly dnsName?: readonly string[];
  readonly commonName?: string;
  readonly federatesWith?: readonly string[];
  readonly hint?: string;
  readonly admin?: AdminOption;
  readonly downstream?: boolean;
  readonly grant?: readonly GrantOption[];
  readonly jwtAudience?: readonly string[];
  readonly signingsPerSecond?: number;
  readonly owner?: string;
  readonly expiresAt?: number;
}

const adminOption = (text: string): AdminOption => {
  const at = text.indexOf(':');
  if (at < 1) throw new InvalidArgumentError('write it as role:spiffe://example.org/path');
  return { role: text.slice(0, at), prefix: text.slice(at + 1) };
};

const grantOption = (text: string, held: readonly GrantOption[] = []): readonly GrantOption[] => {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as resource=scope,scope');
  return [
    ...held,
    {
      resource: text.slice(0, at),
      scopes: text
        .slice(at + 1)
        .split(',')
        .filter(Boolean),
    },
  ];
};

/** The options that describe an entry, for `create` and `update`. */
export const withEntryFields = (command: Command): Command =>
  command
    .option('--spiffe-id <id>', 'the identity that it gives')
    .option('--parent <id>', 'the agent or agent group; the server itself unless told')
    .option('--selector <type:value>', 'what the workload has to prove; all of them; may be repeated', repeated)
    .option('--x509-ttl <duration>', 'life of its X.509-SVIDs', seconds)
    .option('--jwt-ttl <duration>', 'life of its JWT-SVIDs', seconds)
    .option('--dns-name <name>', 'a DNS name in its X.509-SVIDs; may be repeated', repeated)
    .option('--common-name <name>', 'the common name in its X.509-SVIDs')
    .option('--federates-with <trust domain>', 'a trust domain whose bundle it gets; may be repeated', repeated)
    .option('--hint <text>', 'a word for workloads with several identities')
    .option('--admin <role:prefix>', 'makes it an administrator: viewer, revoker, registrar or owner', adminOption)
    .option('--downstream', 'may get a CA of its own')
    .option('--no-downstream', 'may not')
    .option('--grant <resource=scopes>', 'scopes at a resource, parted by commas; may be repeated', grantOption)
    .option(
      '--jwt-audience <audience>',
      'an audience that its JWT-SVIDs may name; any unless told; may be repeated',
      repeated,
    )
    .option('--signings-per-second <number>', 'its own limit', wholeBetween(1, 10_000))
    .option('--owner <label>', 'who keeps this entry')
    .option('--expires-at <time>', 'when it stops to give anything, like 2026-12-31T00:00:00Z', moment);

/** What was said on the command line, in the words of the API. */
export const draftOf = (options: EntryOptions): Readonly<Record<string, unknown>> => {
  const draft = {
    spiffeId: options.spiffeId,
    parentId: options.parent,
    selectors: options.selector,
    x509Ttl: options.x509Ttl,
    jwtTtl: options.jwtTtl,
    dnsNames: options.dnsName,
    commonName: options.commonName,
    federatesWith: options.federatesWith,
    hint: options.hint,
    admin: options.admin,
    downstream: options.downstream,
    grants: options.grant,
    jwtAudiences: options.jwtAudience,
    limits: options.signingsPerSecond === undefined ? undefined : { signingsPerSecond: options.signingsPerSecond },
    owner: options.owner,
    expiresAt: options.expiresAt,
  };
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined));
};

const ttlText = (ttl: number | undefined): string | undefined => (ttl === undefined ? undefined : `${ttl} s`);

/** An entry as a person reads it. */
export const entryText = (entry: Entry): string =>
  record([
    ['id', entry.id],
    ['spiffe id', entry.spiffeId],
    ['parent', entry.parentId],
    ['selectors', entry.selectors],
    ['x509 ttl', ttlText(entry.x509Ttl)],
    ['jwt ttl', ttlText(entry.jwtTtl)],
    ['dns names', unlessEmpty(entry.dnsNames)],
    ['common name', entry.commonName],
    ['federates with', unlessEmpty(entry.federatesWith)],
    ['hint', entry.hint],
    ['admin', entry.admin === undefined ? undefined : `${entry.admin.role} below ${entry.admin.prefix}`],
    ['downstream', entry.downstream ? 'yes' : undefined],
    ['grants', unlessEmpty(entry.grants.map(({ resource, scopes }) => `${resource}: ${scopes.join(' ')}`))],
    ['jwt audiences', unlessEmpty(entry.jwtAudiences)],
    ['signings/s', entry.limits?.signingsPerSecond],
    ['owner', entry.owner],
    ['expires', entry.expiresAt === undefined ? undefined : timeOfSeconds(entry.expiresAt)],
    ['revision', entry.revision],
    ['changed', time(entry.updatedAt)],
  ]);
