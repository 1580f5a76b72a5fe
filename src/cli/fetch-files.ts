import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseOwner } from '../adapters/published-files/owner.ts';
import { publishFiles, type PublishedFile } from '../adapters/published-files/publish.ts';
import { CommandRefused, UsageError } from './exit.ts';
import { hookOf, signalName, type HookOptions } from './fetch-hooks.ts';

export interface FileOptions extends HookOptions {
  readonly write?: string;
  readonly mode: number;
  readonly publicMode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const octalMode = (text: string): number => {
  const mode = Number.parseInt(text, 8);
  if (/^0?[0-7]{3}$/.test(text) && (mode & 0o400) !== 0) return mode;
  throw new InvalidArgumentError('write a mode like 0600');
};

/** Shows its default as it is written. */
const modeOption = (flags: string, description: string, mode: number): Option =>
  new Option(flags, description).argParser(octalMode).default(mode, `0${mode.toString(8)}`);

const ownerOption = (text: string): { readonly uid: number; readonly gid: number } => {
  try {
    return parseOwner(text);
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(error.message);
    throw error;
  }
};

/** A name for a file in the folder of `--write`. */
export const fileName = (text: string): string => {
  if (/^(?!\.\.)[A-Za-z0-9._-]{1,100}$/.test(text) && text !== '.') return text;
  throw new InvalidArgumentError(
    'a plain file name of letters, digits, ".", "_" and "-", which does not begin with ".."',
  );
};

/** Options of every verb that can write files. */
export const withFiles = (command: Command): Command =>
  command
    .optionsGroup('Files:')
    .option('--write <folder>', 'write them into this folder, all at once')
    .addOption(modeOption('--mode <mode>', 'of files that hold a secret', 0o600))
    .addOption(modeOption('--public-mode <mode>', 'of all others', 0o644))
    .option('--owner <user[:group]>', 'to whom the files belong', ownerOption)
    .option('--exec <command>', 'run it by the shell each time that new files were written')
    .option('--signal <name>', 'send this signal each time, to the process of --pid-file', signalName)
    .option('--pid-file <file>', 'holds the id of the process to signal')
    .optionsGroup('Options:');

export interface NamedFile {
  readonly name: string;
  readonly content: string;
  readonly secret: boolean;
}

export interface Publisher {
  write(files: readonly NamedFile[]): void;
  /** Tells whom the files concern, as the options say. */
  tell(): Promise<void>;
}

/** What takes files; undefined without `--write`. Refuses options that need it. */
export const publisherOf = (options: FileOptions): Publisher | undefined => {
  const { write, mode, publicMode, owner } = options;
  if (write === undefined) {
    if (options.exec ?? options.signal ?? options.owner)
      throw new UsageError('--exec, --signal and --owner need --write');
    return undefined;
  }
  const writeFiles = (files: readonly NamedFile[]): void => {
    if (new Set(files.map(({ name }) => name)).size !== files.length) throw new UsageError('two files with one name');
    const published: PublishedFile[] = files.map(({ name, content, secret }) => ({
      name,
      content,
      mode: secret ? mode : publicMode,
    }));
    try {
      publishFiles({ folder: resolve(write), files: published, owner });
    } catch (error) {
      const { name, code, message } = error as NodeJS.ErrnoException;
      if (name !== 'Error') throw error;
      throw new CommandRefused(code === undefined ? message : `cannot write into ${write} (${code})`);
    }
  };
  return { write: writeFiles, tell: hookOf(options) };
};
