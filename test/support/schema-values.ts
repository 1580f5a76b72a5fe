import { writeCsr } from '../../src/formats/csr-writer.ts';
import { newKey } from './x509.ts';

/** Values for JSON Schema as our API documents use it: for requests that should be read, and for those that should not. */

/** What decides; see `Random` of the fuzzer. */
export interface Choices {
  below(limit: number): number;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

const pick = <T>(choices: Choices, list: readonly T[]): T => list[choices.below(list.length)] as T;

/** Texts that mean something to some route or other, beside those that mean nothing. */
const TEXTS: readonly string[] = [
  'a',
  'db',
  'spiffe://example.org/db',
  'spiffe://example.org/mayfly/server',
  'spiffe://example.org',
  'test:1',
  'https://api.example.org',
  'join_token',
  '019b76da0c0000000000000000000001',
  'AAAA',
  'viewer',
  'mtls',
  'a\u0000b',
  'é/../"<>&%2f',
];

/** What a member of this name may well be, so that requests get further than to the first check. */
const LIKELY: Readonly<Record<string, readonly unknown[] | undefined>> = {
  spiffeId: ['spiffe://example.org/db', 'spiffe://example.org/web/1'],
  parentId: ['spiffe://example.org/mayfly/server'],
  prefix: ['spiffe://example.org/db'],
  selectors: [['test:1'], ['unix:uid:1000', 'test:2']],
  dnsNames: [[]],
  grants: [[]],
  audiences: [['https://api.example.org']],
  scopes: [['read']],
  federatesWith: [['other.example']],
  identifier: ['https://api.example.org'],
  bindings: [['mtls', 'bearer']],
  algorithm: ['ES256', 'RS256'],
  role: ['viewer'],
  x509Ttl: [600],
  jwtTtl: [300],
  expiresAt: [1_900_000_000],
  confirm: [true],
  id: ['db', 'web'],
  limit: ['5'],
  csr: [writeCsr(newKey().privateKey).toString('base64')],
};

/** A value for a member or parameter of this name. */
export const memberFor = (name: string, schema: object, choices: Choices): unknown => {
  const likely = LIKELY[name];
  return likely === undefined || choices.below(4) === 0 ? schemaValues(schema, choices) : pick(choices, likely);
};

const textFor = ({ minLength = 0, maxLength = 64 }: Schema, choices: Choices): string => {
  const text = pick(choices, TEXTS);
  return text.repeat(Math.max(1, Math.ceil(minLength / text.length))).slice(0, Math.max(minLength, maxLength));
};

const numberFor = ({ minimum = -5, maximum = 5000 }: Schema, choices: Choices): number => {
  const edges = [minimum, maximum, 0, 300, 3600, minimum + 1].filter((each) => each >= minimum && each <= maximum);
  return pick(choices, edges);
};

const objectFor = (schema: Schema, choices: Choices): object => {
  const { properties = {}, required = [], additionalProperties } = schema;
  const names = Object.keys(properties).filter((name) => required.includes(name) || choices.below(3) === 0);
  const members = names.map((name) => [name, memberFor(name, properties[name] ?? {}, choices)] as const);
  const more =
    typeof additionalProperties === 'object'
      ? [[pick(choices, TEXTS), schemaValues(additionalProperties, choices)] as const]
      : [];
  return Object.fromEntries([...members, ...more]);
};

const arrayFor = ({ items = {}, minItems = 0, maxItems = 3 }: Schema, choices: Choices): unknown[] => {
  const length = Math.min(maxItems, minItems + choices.below(3));
  return Array.from({ length }, () => schemaValues(items, choices));
};

/** A value that the schema allows. Formats and patterns are beyond it, so that the server may still say no. */
export const schemaValues = (schema: object, choices: Choices): unknown => {
  const known = schema as Schema;
  if (known.const !== undefined) return known.const;
  if (known.enum !== undefined) return pick(choices, known.enum);
  const one = known.anyOf ?? known.oneOf ?? known.allOf;
  if (one !== undefined) return schemaValues(pick(choices, one), choices);
  const type = typeof known.type === 'object' ? pick(choices, known.type) : known.type;
  if (type === 'string') return textFor(known, choices);
  if (type === 'integer' || type === 'number') return numberFor(known, choices);
  if (type === 'boolean') return choices.below(2) === 0;
  if (type === 'array') return arrayFor(known, choices);
  if (type === 'object') return objectFor(known, choices);
  return type === 'null' ? null : pick(choices, [...TEXTS, 1, true, {}, []]);
};

const WRONG: readonly unknown[] = [null, true, -1, 1.5, 1e21, '', 'x'.repeat(40_000), [], {}, [[[]]], { a: { b: 1 } }];

/** A copy of `value` with one place changed so that most schemas refuse it; the caller asks the schema whether this one does. */
export const spoiled = (value: unknown, choices: Choices): unknown => {
  if (typeof value !== 'object' || value === null || choices.below(6) === 0) return pick(choices, WRONG);
  if (Array.isArray(value)) {
    const at = choices.below(value.length + 1);
    return [...value.slice(0, at), spoiled(value[at], choices), ...value.slice(at + 1)];
  }
  const members = Object.entries(value);
  const [name] = pick(choices, [...members, ['unknown', 1] as const]);
  if (choices.below(4) === 0) return Object.fromEntries(members.filter(([other]) => other !== name));
  return { ...value, [name]: spoiled((value as Record<string, unknown>)[name], choices) };
};
