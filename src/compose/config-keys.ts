import { z } from 'zod';
import type { ConfigSchema } from './config-schema.ts';

/** One key of the configuration, as the reference lists it and as environment and flags name it. */
export interface ConfigKey {
  /** `server.api.port`; `[]` stands for each member of a list. */
  readonly key: string;
  readonly description: string;
  /** What may stand there, in words. */
  readonly form: string;
  /** As one would write it. */
  readonly fallback?: string;
  readonly required: boolean;
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'section';
}

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly form?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
}

const kindOf = (schema: JsonSchema): ConfigKey['kind'] => {
  if (schema.properties !== undefined || schema.items?.properties !== undefined || schema.type === 'object')
    return 'section';
  if (schema.type === 'array') return 'list';
  if (schema.type === 'integer') return 'number';
  return schema.type === 'boolean' ? 'boolean' : 'text';
};

const formOf = (schema: JsonSchema): string => {
  if (schema.form !== undefined) return schema.form;
  if (schema.enum !== undefined) return schema.enum.join(', ').replace(/, ([^,]*)$/, ' or $1');
  if (schema.type === 'array')
    return schema.items?.form === undefined ? 'a list of texts' : `a list, each ${schema.items.form}`;
  return schema.type === 'object' ? 'a section' : 'a text';
};

const writtenDefault = (value: unknown): string | undefined => {
  if (value === undefined) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
};

function* keysBelow(schema: JsonSchema, prefix: string): Generator<ConfigKey> {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const fallback = writtenDefault(member.default);
    yield {
      key,
      description: member.description ?? '',
      form: formOf(member),
      ...(fallback !== undefined && { fallback }),
      required: (schema.required ?? []).includes(name),
      kind: kindOf(member),
    };
    yield* keysBelow(member, key);
    if (member.items !== undefined) yield* keysBelow(member.items, `${key}[]`);
  }
}

/** Every key of the schema, sections before what is in them. */
export const configKeys = (schema: ConfigSchema): readonly ConfigKey[] => [
  ...keysBelow(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema, ''),
];

/** `server.dataDir` → `MAYFLY_SERVER_DATA_DIR`. */
export const environmentName = (key: string): string =>
  `MAYFLY_${key
    .replaceAll('.', '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;

/** Keys that environment and flags can set: those with one plain value, outside lists. */
export const isSettable = ({ key, kind }: ConfigKey): boolean =>
  !key.includes('[]') && (kind === 'text' || kind === 'number' || kind === 'boolean');
