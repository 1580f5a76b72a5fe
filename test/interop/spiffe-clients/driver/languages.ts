import { execFileSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { Program } from './program.ts';

export const LANGUAGES = ['go', 'java', 'python', 'rust', 'node'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language is a user of its own: that is how the agent tells them apart. */
const FIRST_UID = 61_000;
export const uidOf = (language: Language): number => FIRST_UID + LANGUAGES.indexOf(language);
/** A user that no entry names unless a case says so, one for each language and case. */
export const otherUid = (language: Language, nth: number): number => uidOf(language) + 100 * nth;

const NODE_CLIENT = join(import.meta.dirname, '..', 'node', 'client.ts');

const commandOf = (language: Language, programs: string): readonly [string, ...string[]] => {
  const at = (...path: readonly string[]): string => join(programs, ...path);
  const jars = [at('java'), at('java', '*')].join(delimiter);
  switch (language) {
    case 'go':
    case 'rust':
      return [at(language)];
    case 'java':
      return ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', jars, 'Client'];
    case 'python':
      return [python, at('python', 'client.py')];
    case 'node':
      return [process.execPath, '--disable-warning=ExperimentalWarning', NODE_CLIENT];
  }
};

const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();

/**
 * Runs as another user. Interpreters, and this clone, may lie in a home that the user cannot enter; so these may read what they
 * like, by the one capability for that. It opens no socket that its mode keeps closed.
 */
const as = (uid: number, mayRead: boolean, command: readonly string[]): readonly [string, ...string[]] => {
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'] as const;
  if (!mayRead) return [...user, '--', ...command];
  const only = '-all,+dac_read_search';
  return [...user, `--inh-caps=${only}`, `--ambient-caps=${only}`, '--', 'sh', '-c', 'exec "$@"', 'sh', ...command];
};

export interface RunOptions {
  readonly programs: string;
  readonly socket: string;
  /** The language's own user unless told. */
  readonly uid?: number;
}

/** Starts the program of a language. */
export const runClient = (language: Language, args: readonly string[], options: RunOptions): Program => {
  const { programs, socket, uid = uidOf(language) } = options;
  const isInterpreted = language === 'python' || language === 'node';
  const command = as(uid, isInterpreted, [...commandOf(language, programs), ...args]);
  return new Program(`${language} ${args[0] ?? ''}`, command, {
    SPIFFE_ENDPOINT_SOCKET: `unix://${socket}`,
    PYTHONDONTWRITEBYTECODE: '1',
    HOME: '/',
    // Of this process, not of a workload.
    NODE_OPTIONS: '',
    NODE_COMPILE_CACHE: '',
  });
};
