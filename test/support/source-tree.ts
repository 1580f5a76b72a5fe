import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** The top of the repository. */
export const ROOT = join(import.meta.dirname, '..', '..');

const IGNORED = new Set(['node_modules', '.git', 'dist', 'coverage', 'vectors']);

/** Every file below a folder of the repository, as a path from its top; what is installed, built or borrowed is left out. */
export const filesBelow = (folder: string, keep: (path: string) => boolean = () => true): readonly string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => !IGNORED.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path, keep);
      return entry.isFile() && keep(path) ? [path.split(sep).join('/')] : [];
    })
    .sort();

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const TOKEN = /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The source with its comments blanked, lines kept. A comment may name what code may not use. */
export const withoutComments = (source: string): string =>
  source.replaceAll(TOKEN, (token, comment?: string) =>
    comment === undefined ? token : comment.replaceAll(/[^\n]/g, ' '),
  );

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)'(\.[^']+)'/g;

/** The files of the repository that a source file imports. */
export const importsOf = (path: string): readonly string[] =>
  [...withoutComments(read(path)).matchAll(IMPORT)].map(([, target]) =>
    relative(ROOT, join(ROOT, path, '..', target ?? ''))
      .split(sep)
      .join('/'),
  );

/** `path:line` of each place where `pattern` matches in the code, comments apart. */
export const occurrences = (path: string, pattern: RegExp): readonly string[] =>
  withoutComments(read(path))
    .split('\n')
    .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : []));
