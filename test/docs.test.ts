import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../src/cli/index.ts';
import { EXIT } from '../src/cli/exit.ts';
import { filesBelow, read, ROOT } from './support/source-tree.ts';

const pages = ['README.md', ...filesBelow('docs', (path) => path.endsWith('.md'))];

interface Link {
  readonly page: string;
  readonly path: string;
  readonly anchor: string | undefined;
}

/** Links to other files of the repository. */
const linksOf = (page: string): readonly Link[] =>
  [...read(page).matchAll(/\]\((?<target>[^)\s]+)\)/g)].flatMap(({ groups }) => {
    const target = groups?.['target'] ?? '';
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    return [{ page, path: path === '' ? page : normalize(join(dirname(page), path)), anchor }];
  });

/** Headings as a page's anchors. */
const anchorsOf = (page: string): readonly string[] =>
  [...read(page).matchAll(/^#+ (?<title>.+)$/gm)].map(({ groups }) =>
    (groups?.['title'] ?? '')
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );

const program = createProgram({
  exit: EXIT.yes,
  terminal: { environment: {}, out: () => undefined, err: () => undefined, input: () => Promise.resolve('') },
});

/** Whether these words lead to a command that exists; a word that is no command is its argument or the end of the sentence. */
const isCommand = (words: readonly string[]): boolean => {
  let at: Command = program;
  for (const word of words) {
    if (at.commands.length === 0) return true;
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) return at !== program && at.options.length > 0;
    at = next;
  }
  return true;
};

/** `bin/mayfly.js entry create …` or `mayfly entry create …` at the start of a line or of a piece of code. */
const commandsOf = (page: string): readonly string[] =>
  [...read(page).matchAll(/(?:^|`|\$ |\$\()(?:bin\/mayfly\.js|mayfly) (?<words>[a-z][a-z0-9 -]*)/gm)].map(
    ({ groups }) => groups?.['words'] ?? '',
  );

describe('the documentation', () => {
  test('links to files and headings that exist', () => {
    const links = pages.flatMap(linksOf);
    expect(links.length).toBeGreaterThan(10);
    const broken = links.filter(
      ({ path, anchor }) =>
        !existsSync(join(ROOT, path)) || (anchor !== undefined && !anchorsOf(path).includes(anchor)),
    );
    expect(broken).toEqual([]);
  });

  test('names tests and sources that exist', () => {
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/`(?<path>(?:test|src)\/[\w./-]+)`/g)].map(({ groups }) => groups?.['path'] ?? ''),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('names a reason for every library', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const page = read('docs/dependencies.md');
    const names = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith('@types/'));
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !page.toLowerCase().includes(name.split('/').at(-1) ?? name))).toEqual([]);
  });

  test('shows commands that exist', () => {
    const shown = pages.flatMap((page) => commandsOf(page).map((command) => ({ page, command })));
    expect(shown.length).toBeGreaterThan(20);
    expect(shown.filter(({ command }) => !isCommand(command.trim().split(/ +/)))).toEqual([]);
  });

  test('knows a command that does not exist', () => {
    expect(isCommand(['entry', 'create'])).toBe(true);
    expect(isCommand(['revoke', '--identity'])).toBe(true);
    expect(isCommand(['entry', 'rename'])).toBe(false);
    expect(isCommand(['log', 'verify'])).toBe(false);
  });
});
