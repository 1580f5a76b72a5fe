import type { z } from 'zod';
import { nearest } from './config-suggest.ts';
import type { ConfigKey } from './config-keys.ts';
import { environmentName } from './config-keys.ts';
import type { KeyPath } from './config-yaml.ts';

/** Where a wrong value came from. */
export type ConfigSource = 'file' | 'environment' | 'flag';

/** One thing that is wrong with a configuration, with all that its author needs to put it right. */
export interface ConfigProblem {
  readonly key: string;
  readonly source: ConfigSource;
  /** In the file. */
  readonly line?: number;
  readonly reason: string;
  /** What would be right. */
  readonly right?: string;
}

/** `attestors.oidc.issuers[0].url`. */
export const keyText = (path: KeyPath): string =>
  path.reduce<string>((text, part) => {
    if (/^\d+$/.test(String(part))) return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${part}`;
  }, '');

const plural = (path: KeyPath): string => keyText(path).replaceAll(/\[\d+\]/g, '[]');

const SPOKEN: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section',
  null: 'empty',
};

const spokenType = (value: unknown): string => {
  if (value === null) return 'empty';
  return SPOKEN[Array.isArray(value) ? 'array' : typeof value] ?? typeof value;
};

const valueAt = (input: unknown, path: KeyPath): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], input);

const wrongType = (input: unknown, path: KeyPath): string => {
  const value = valueAt(input, path);
  if (value === undefined) return 'is missing';
  return value === null ? 'has no value' : `is ${spokenType(value)}`;
};

const reasonOf = (issue: z.core.$ZodIssue, input: unknown): string => {
  switch (issue.code) {
    case 'custom':
      return issue.message;
    case 'invalid_type':
    case 'invalid_union':
      return wrongType(input, issue.path as KeyPath);
    case 'too_small':
      return issue.origin === 'array' ? 'has too few members' : 'is too small';
    case 'too_big':
      return issue.origin === 'array' ? 'has too many members' : 'is too large';
    case 'invalid_value':
      return valueAt(input, issue.path as KeyPath) === undefined ? 'is missing' : 'is none of the words allowed';
    default:
      return 'is not allowed';
  }
};

export type LocatedProblem = { readonly path: KeyPath; readonly reason: string; readonly right?: string };

const unknownKey = (path: KeyPath, name: string, keys: readonly ConfigKey[]): LocatedProblem => {
  const prefix = path.length === 0 ? '' : `${plural(path)}.`;
  const siblings = keys
    .map(({ key }) => key)
    .filter((key) => key.startsWith(prefix) && !key.slice(prefix.length).includes('.'));
  const meant = nearest(
    name,
    siblings.map((key) => key.slice(prefix.length)),
  );
  const right = meant ?? siblings.map((key) => key.slice(prefix.length)).join(', ');
  return { path: [...path, name], reason: 'is not a key', ...(right !== '' && { right }) };
};

/** What may stand at `path`; within a section of free names, what may stand in that section. */
const formAt = (path: KeyPath, keys: readonly ConfigKey[]): string | undefined => {
  for (let end = path.length; end > 0; end--) {
    const found = keys.find(({ key }) => key === plural(path.slice(0, end)));
    if (found !== undefined) return found.form;
  }
  return undefined;
};

/** Zod's findings in our words. A value that is wrong is not repeated: it might be a secret in the wrong place. */
export const fromIssues = (
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  keys: readonly ConfigKey[],
): readonly LocatedProblem[] =>
  issues.flatMap((issue) => {
    const path = issue.path as KeyPath;
    if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownKey(path, name, keys));
    const right = formAt(path, keys);
    return [{ path, reason: reasonOf(issue, input), ...(right !== undefined && { right }) }];
  });

/** One line for a person: `mayfly.yaml:12: server.ttl.x509 is not a duration; right would be …`. */
export const describeProblem = (problem: ConfigProblem, file: string): string => {
  const right = problem.right === undefined ? '' : `; right would be: ${problem.right}`;
  if (problem.source === 'environment') {
    const name = problem.key.startsWith('MAYFLY_') ? problem.key : environmentName(problem.key);
    return `environment: ${name} ${problem.reason}${right}`;
  }
  if (problem.source === 'flag') return `command line: ${problem.key} ${problem.reason}${right}`;
  const place = problem.line === undefined ? file : `${file}:${problem.line}`;
  return `${place}: ${[problem.key, problem.reason].filter((part) => part !== '').join(' ')}${right}`;
};
