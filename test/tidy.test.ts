import { filesBelow, importsOf, occurrences, read, ROOT, withoutComments } from './support/source-tree.ts';

const isSource = (path: string): boolean => path.endsWith('.ts');
const sources = filesBelow('src', isSource);
const tests = filesBelow('test', isSource);
const everything = filesBelow('.');

/** Each room may look at those before it. `usecases` and `agent` stand side by side, and so do `compose` and `workload`. */
const ROOMS = [
  ['domain'],
  ['formats'],
  ['verify'],
  ['ports'],
  ['ledger'],
  ['usecases', 'agent'],
  ['adapters'],
  ['compose', 'workload'],
  ['cli'],
];

const roomOf = (path: string): string => path.split('/')[1] ?? '';
const placeOf = (room: string): number => ROOMS.findIndex((rooms) => rooms.includes(room));

describe('rooms', () => {
  test('every source file is in one', () => {
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter((path) => placeOf(roomOf(path)) === -1)).toEqual([]);
  });

  test('imports point to the left', () => {
    const looksRight = sources.flatMap((path) =>
      importsOf(path)
        .filter((target) => {
          if (!target.startsWith('src/')) return true;
          const [from, to] = [roomOf(path), roomOf(target)];
          return from !== to && placeOf(to) >= placeOf(from);
        })
        .map((target) => `${path} looks to its right: ${target}`),
    );
    expect(looksRight).toEqual([]);
  });

  test('the folders of adapters know nothing of each other', () => {
    const folderOf = (path: string): string => path.split('/').slice(0, 3).join('/');
    const across = sources
      .filter((path) => roomOf(path) === 'adapters')
      .flatMap((path) =>
        importsOf(path)
          .filter((target) => roomOf(target) === 'adapters' && folderOf(target) !== folderOf(path))
          .map((target) => `${path} imports ${target}`),
      );
    expect(across).toEqual([]);
  });

  test('imports within the repository name the file with its ending', () => {
    const vague = sources.flatMap((path) =>
      importsOf(path)
        .filter((target) => !/\.(?:ts|json)$/.test(target))
        .map((target) => `${path} imports ${target}`),
    );
    expect(vague).toEqual([]);
  });
});

describe('what answers differently twice is passed in', () => {
  const allowedIn = (...folders: readonly string[]): readonly string[] =>
    sources.filter((path) => !folders.some((folder) => path.startsWith(`src/${folder}/`)));
  const find = (paths: readonly string[], pattern: RegExp): readonly string[] =>
    paths.flatMap((path) => occurrences(path, pattern));
  const outside = allowedIn('adapters/system', 'compose', 'cli');

  test('the clock', () => {
    expect(find(outside, /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bhrtime\b/)).toEqual([]);
  });

  test('randomness', () => {
    const random = /\bMath\.random\b|\brandom(?:Bytes|UUID|Fill|FillSync|Int)\b|\bgetRandomValues\b/;
    expect(find(outside, random)).toEqual([]);
  });

  test('timers', () => {
    expect(find(outside, /(?<![.\w])set(?:Timeout|Interval)\(|node:timers/)).toEqual([]);
  });

  test('the environment', () => {
    expect(find(outside, /\bprocess\.env\b|\benv\b.*from 'node:process'/)).toEqual([]);
  });
});

describe('files', () => {
  test('none is longer than 300 lines', () => {
    const long = everything
      .filter((path) => /\.(?:ts|js|sh|sql)$/.test(path))
      .filter((path) => read(path).split('\n').length > 301);
    expect(long).toEqual([]);
  });

  test('the launcher is the only JavaScript source', () => {
    const scripts = everything.filter((path) => /\.[cm]?jsx?$/.test(path) && !path.startsWith('test/interop/'));
    expect(scripts).toEqual(['bin/mayfly.js', 'jest.config.js']);
  });

  test('none says any, or tells the checker to look away', () => {
    const away = /(?:[:<|&,]|\bas)\s*any\s*(?:[;,)>=\]|&}]|\[\])|@ts-(?:ignore|nocheck|expect-error)/;
    expect(sources.flatMap((path) => occurrences(path, away))).toEqual([]);
    expect(sources.filter((path) => /@ts-(?:ignore|nocheck)/.test(read(path)))).toEqual([]);
  });

  // Such an import reads all exports of the module, and one of them loads what fetch and WebSocket need.
  test('none loads http as an ES module, whose price is 7 MiB for each thread', () => {
    expect(sources.flatMap((path) => occurrences(path, /^import (?!type\b).*'node:http'/))).toEqual([]);
  });

  test('no test is left out or run alone', () => {
    const partial = /\b(?:test|it|describe)\.(?:only|skip|todo|failing)\b|\b[fx](?:test|it|describe)\(/;
    expect(tests.flatMap((path) => occurrences(path, partial))).toEqual([]);
  });

  test('none names a registry', () => {
    // Put together here, so that this file does not name them either.
    const hosts = ['registry npmjs org', 'registry yarnpkg com', 'npm pkg github com', 'proxy golang org', 'pypi org'];
    const names = [...hosts, 'files pythonhosted org', 'repo1 maven org'].map((host) => host.replaceAll(' ', '.'));
    const found = everything.flatMap((path) => {
      const text = read(path);
      return names.filter((name) => text.includes(name)).map((name) => `${path} names ${name}`);
    });
    expect(found).toEqual([]);
  });

  test('lock files say what, not from where', () => {
    const locks = everything.filter((path) => path.endsWith('package-lock.json'));
    expect(locks).toContain('package-lock.json');
    expect(locks.filter((path) => /"resolved":/.test(read(path)))).toEqual([]);
  });

  test('none holds a path of the machine that it was written on', () => {
    const here = `${ROOT}/`;
    const isCommon = here.split('/').length <= 3;
    expect(isCommon ? [] : everything.filter((path) => read(path).includes(here))).toEqual([]);
  });
});

describe('the reader of sources', () => {
  test('blanks comments and keeps text', () => {
    expect(withoutComments("const a = 'http://b'; // Date.now\n/* x\ny */ c")).toBe(
      "const a = 'http://b';            \n    \n     c",
    );
  });
});
