import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { configKeys, environmentName, isSettable } from './config-keys.ts';
import type { ConfigKey } from './config-keys.ts';
import { fromIssues, keyText } from './config-problems.ts';
import type { ConfigProblem, ConfigSource, LocatedProblem } from './config-problems.ts';
import { relationProblems } from './config-relations.ts';
import { configSchema } from './config-schema.ts';
import type { ConfigSchema } from './config-schema.ts';
import { nearest } from './config-suggest.ts';
import { readYaml } from './config-yaml.ts';
import type { KeyPath } from './config-yaml.ts';

type DeepReadonly<T> = T extends string | number | boolean | undefined
  ? T
  : { readonly [K in keyof T]: DeepReadonly<T[K]> };

/** The configuration as it is proven: durations in seconds, paths absolute, every default in place. */
export type Config = DeepReadonly<z.output<ConfigSchema>> & {
  /** `CREDENTIALS_DIRECTORY`, where systemd leaves credentials: secrets in it need not be closed to their group. */
  readonly credentials?: string;
};

/** One that has the section of an agent. */
export type AgentConfig = Config & { readonly agent: NonNullable<Config['agent']> };

/** What a configuration is made of. Flags stand above environment, environment above file. */
export interface ConfigInput {
  /** The text of the file; empty when there is none. */
  readonly text: string;
  /** The file's folder: relative paths start there. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By key, for example `server.api.port`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

interface Setting {
  readonly source: ConfigSource;
  readonly key: ConfigKey;
  readonly raw: string;
}

const settingsOf = (input: ConfigInput, keys: readonly ConfigKey[]): ReadonlyMap<string, Setting> => {
  const settings = new Map<string, Setting>();
  for (const key of keys.filter(isSettable)) {
    const flag = input.flags[key.key];
    const variable = input.environment[environmentName(key.key)];
    if (flag !== undefined) settings.set(key.key, { source: 'flag', key, raw: flag });
    else if (variable !== undefined) settings.set(key.key, { source: 'environment', key, raw: variable });
  }
  return settings;
};

const valueOf = ({ key, raw }: Setting): unknown => {
  if (key.kind === 'number' && /^\d{1,15}$/.test(raw)) return Number(raw);
  if (key.kind === 'boolean' && (raw === 'true' || raw === 'false')) return raw === 'true';
  return raw;
};

/** Stands in for a trust domain that is none, so that the rest can be looked at. */
const SOME_TRUST_DOMAIN = 'example.org';

/** A copy of `base` without one key; without the whole section of a list, where the key lies in one. */
const withoutKey = (base: unknown, path: KeyPath): unknown => {
  const inList = path.findIndex((part) => typeof part === 'number');
  const [name, ...rest] = inList < 0 ? path : path.slice(0, Math.max(1, inList - 1));
  if (!isSection(base) || name === undefined) return base;
  const { [String(name)]: held, ...others } = base;
  return rest.length === 0 ? others : { ...others, [String(name)]: withoutKey(held, rest) };
};

/** What does not fit together in the sound part of a configuration that has wrong keys too. */
const relationsBesides = (
  schema: ConfigSchema,
  merged: unknown,
  wrong: readonly LocatedProblem[],
): readonly LocatedProblem[] => {
  const keys = new Set(wrong.map(({ path }) => keyText(path)));
  const sound = wrong.reduce((rest, { path }) => withoutKey(rest, path), merged);
  const parsed = schema.safeParse(
    keys.has('trustDomain') ? withValue(sound, ['trustDomain'], SOME_TRUST_DOMAIN) : sound,
  );
  if (!parsed.success) return [];
  return relationProblems(parsed.data).filter((each) => !keys.has(keyText(each.path)) && !keys.has(each.with ?? ''));
};

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A copy of `base` with one value set; whatever stands in the way and is no section is replaced. */
const withValue = (base: unknown, [name, ...rest]: readonly string[], value: unknown): unknown => {
  if (name === undefined) return value;
  const section = isSection(base) ? base : {};
  return { ...section, [name]: withValue(section[name], rest, value) };
};

/**
 * Variables that look like a slip of the pen. Others are left alone: orchestrators put variables of their own making next
 * to ours (Kubernetes gives every container `<SERVICE>_PORT` and more).
 */
const misspelt = (input: ConfigInput, keys: readonly ConfigKey[]): readonly ConfigProblem[] => {
  const known = keys.filter(isSettable).map(({ key }) => environmentName(key));
  return Object.keys(input.environment).flatMap((name) => {
    if (!name.startsWith('MAYFLY_') || known.includes(name)) return [];
    const sameShape = known.filter((other) => other.split('_').length === name.split('_').length);
    const right = nearest(name, sameShape, 2);
    return right === undefined ? [] : [{ key: name, source: 'environment' as const, reason: 'is not known', right }];
  });
};

const unknownFlags = (input: ConfigInput, keys: readonly ConfigKey[]): readonly ConfigProblem[] => {
  const known = keys.filter(isSettable).map(({ key }) => key);
  return Object.keys(input.flags).flatMap((key) => {
    if (known.includes(key)) return [];
    const right = nearest(key, known);
    const inFile = keys.some((other) => other.key === key);
    const reason = inFile ? 'can only stand in the file' : 'is not a key';
    return [{ key, source: 'flag' as const, reason, ...(right !== undefined && !inFile && { right }) }];
  });
};

/**
 * Turns what was written into a configuration, or says everything that is wrong with it at once. Pure: it reads no file, no
 * environment and no clock.
 */
export const parseConfig = (input: ConfigInput): ConfigResult => {
  const credentials = input.environment['CREDENTIALS_DIRECTORY'];
  const given = credentials === undefined ? {} : { credentials };
  const schema = configSchema({ folder: input.folder, ...given });
  const keys = configKeys(schema);
  const file = readYaml(input.text);
  const settings = settingsOf(input, keys);

  let merged: unknown = file.value ?? {};
  for (const [key, setting] of settings) merged = withValue(merged, key.split('.'), valueOf(setting));

  const locate = ({ path, reason, right }: LocatedProblem): ConfigProblem => {
    const key = keyText(path);
    const source = settings.get(key)?.source ?? 'file';
    return {
      key,
      source,
      ...(source === 'file' && { line: file.line(path) }),
      reason,
      ...(right !== undefined && { right }),
    };
  };

  const broken = file.problems.map(({ line, reason }): ConfigProblem => ({ key: '', source: 'file', line, reason }));
  if (broken.length > 0) return { ok: false, problems: broken };
  const parsed = schema.safeParse(merged);
  const wrong = parsed.success ? [] : fromIssues(parsed.error.issues, merged, keys);
  const relations = parsed.success ? relationProblems(parsed.data) : relationsBesides(schema, merged, wrong);
  const problems = [
    ...[...wrong, ...relations].map(locate),
    ...misspelt(input, keys),
    ...unknownFlags(input, keys),
  ].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return parsed.success && problems.length === 0
    ? { ok: true, config: { ...parsed.data, ...given } }
    : { ok: false, problems };
};

/** Only what is wrong; empty for a good configuration. */
export const configProblems = (input: ConfigInput): readonly ConfigProblem[] => {
  const result = parseConfig(input);
  return result.ok ? [] : result.problems;
};

/** Where `server run` looks when nothing else is said. */
export const DEFAULT_CONFIG_FILE = '/etc/mayfly/mayfly.yaml';

/** Where `agent run` looks: a machine may hold both. */
export const DEFAULT_AGENT_CONFIG_FILE = '/etc/mayfly/agent.yaml';

/** Reads a configuration file. A missing file is a problem like any other. */
export const loadConfig = (file: string, sources: Pick<ConfigInput, 'environment' | 'flags'>): ConfigResult => {
  const path = resolve(file);
  try {
    return parseConfig({ ...sources, text: readFileSync(path, 'utf8'), folder: dirname(path) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const problem =
      code === 'ENOENT'
        ? { reason: 'does not exist', right: 'a file that `mayfly server init` writes' }
        : { reason: `cannot be read (${code})`, right: 'a file that this user may read' };
    return { ok: false, problems: [{ key: '', source: 'file', ...problem }] };
  }
};
