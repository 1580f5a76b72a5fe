import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../compose/config-values.ts';
import { UsageError } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** Option parsers: what they throw becomes a usage error that names the option. */
export const seconds = (text: string): number => {
  try {
    return parseDuration(text);
  } catch {
    throw new InvalidArgumentError('write a duration like 90s, 10m, 1h30m or 7d');
  }
};

export const wholeBetween =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`a whole number from ${low} to ${high}`);
  };

/** Unix seconds from RFC 3339. */
export const moment = (text: string): number => {
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('write a time like 2026-12-31T00:00:00Z');
  return Math.floor(ms / 1000);
};

/** For options that may be repeated. */
export const repeated = (text: string, held: readonly string[] = []): readonly string[] => [...held, text];

const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** The text of a file, `-` being the standard input. */
export const readInput = async (path: string, terminal: Terminal): Promise<string> => {
  if (path === '-') return terminal.input();
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_INPUT_BYTES) throw new UsageError(`${path} is longer than 64 MiB`);
    return bytes.toString('utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UsageError(`cannot read ${path} (${code})`);
  }
};

/** An option of pairs with `=` between name and value, such as `key=value`; may be repeated. */
export const pairs =
  (form: string) =>
  (text: string, held: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError(`write it as ${form}`);
    return { ...held, [text.slice(0, at)]: text.slice(at + 1) };
  };
