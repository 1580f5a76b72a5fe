import { isMap, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';

/** A key's place in a document: names of members and positions in lists. */
export type KeyPath = readonly (string | number)[];

export type YamlProblem = { readonly line: number; readonly reason: string };

/** A configuration file as it was read: its value, and the line that each key stands on. */
export interface YamlFile {
  readonly value: unknown;
  /** The line of the key, or of the nearest key above it that is there. */
  line(path: KeyPath): number;
  readonly problems: readonly YamlProblem[];
}

/** Far more than any configuration needs, and little enough to parse at once. */
const MAX_BYTES = 1024 * 1024;

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? text;

const lineFinder = (document: Document, lines: LineCounter) => {
  const lineAt = (offset: number | undefined): number => (offset === undefined ? 1 : lines.linePos(offset).line);
  return (path: KeyPath): number => {
    let node: unknown = document.contents;
    let line = 1;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => String(item.key) === String(key));
        if (!pair) return line;
        line = lineAt((pair.key as { range?: readonly number[] | null }).range?.[0]);
        node = pair.value;
      } else if (isSeq(node)) {
        const item = node.items[Number(key)];
        if (item === undefined) return line;
        line = lineAt((item as { range?: readonly number[] | null }).range?.[0]);
        node = item;
      } else return line;
    }
    return line;
  };
};

const offsetOf = (node: unknown): number => (node as { range?: readonly number[] | null }).range?.[0] ?? 0;

/**
 * Where keys stand that came before in the same map. The library's own check compares each key with each other, which takes
 * minutes for a large file, and lets `1` and `"1"` through, which are one member of an object.
 */
const repeatedKeys = (document: Document): readonly number[] => {
  const offsets: number[] = [];
  visit(document, {
    Map: (_place, { items }) => {
      const seen = new Set<string>();
      for (const { key } of items) {
        if (seen.has(String(key))) offsets.push(offsetOf(key));
        seen.add(String(key));
      }
    },
  });
  return offsets;
};

/**
 * Reads one YAML document. Key twice, tags of its own, aliases that multiply, a second document and a file above
 * `maxBytes` (1 MiB unless told) are problems, each with its line; the value is then empty.
 */
export const readYaml = (text: string, maxBytes = MAX_BYTES): YamlFile => {
  if (Buffer.byteLength(text) > maxBytes) {
    const reason = `the file is longer than ${maxBytes / 1024 / 1024} MiB`;
    return { value: {}, line: () => 1, problems: [{ line: 1, reason }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    // Its warnings would go to stderr with parts of the file.
    logLevel: 'error',
  });
  const line = lineFinder(document, lines);
  const found = [...document.errors, ...document.warnings].map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    reason: firstLine(error.message),
  }));
  if (found.length > 0) return { value: {}, line, problems: found };
  const repeated = repeatedKeys(document).map((offset) => ({
    line: lines.linePos(offset).line,
    reason: 'a key that stands in the same section before',
  }));
  if (repeated.length > 0) return { value: {}, line, problems: repeated };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, line, problems: [] };
  } catch {
    return { value: {}, line, problems: [{ line: 1, reason: 'the file uses aliases more than anyone would by hand' }] };
  }
};
