import type { Failure } from './exit.ts';
import type { Terminal } from './terminal.ts';

/**
 * The rules of our output: results on stdout, all else on stderr. A person gets tables, `--json` gets one JSON value a line.
 * Messages are lower case without a full stop. No colour and no cursor movement, so that a file and a terminal get the same.
 */
export class Output {
  readonly #terminal: Terminal;
  readonly json: boolean;

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.json = json;
  }

  /** The result of a command: the value for programs, its text for people. */
  result(value: unknown, human: () => string): void {
    const text = this.json ? JSON.stringify(value) : human();
    this.#terminal.out(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Progress and asides. */
  note(message: string): void {
    this.#terminal.err(`mayfly: ${printable(message)}\n`);
  }

  fail({ code, message, hints }: Failure): void {
    if (this.json) this.#terminal.out(`${JSON.stringify({ error: { code, detail: message, hints } })}\n`);
    this.note(message);
    for (const hint of hints) this.#terminal.err(`  ${printable(hint)}\n`);
  }
}

/** Text from elsewhere without the characters that would move the cursor or hide what stands before them. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );

const cell = (text: string): string => printable(text).replaceAll('\n', '\\n');

/** Columns under their headings, two spaces apart. Says so when there is nothing. */
export const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  if (rows.length === 0) return 'nothing to show\n';
  const all = [headings, ...rows.map((row) => row.map(cell))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map(
      (row) =>
        `${row
          .map((text, column) => text.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};

export type Lines = readonly (readonly [label: string, value: string | number | undefined | readonly string[]])[];

/** One thing, a line for each of its members; what it does not have is left out. */
export const record = (lines: Lines): string => {
  const shown = lines.flatMap(([label, value]) => {
    if (value === undefined) return [];
    const values = typeof value === 'object' ? value : [String(value)];
    return values.map((text, at) => [at === 0 ? label : '', cell(text)] as const);
  });
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('');
};

/** `2026-08-01 12:00:05Z` from Unix milliseconds or RFC 3339. */
export const time = (at: number | string): string =>
  new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d{3}Z$/, 'Z');

/** The same from Unix seconds. */
export const timeOfSeconds = (seconds: number): string => time(seconds * 1000);

/** For `record`, which leaves out a line without a value. */
export const unlessEmpty = (values: readonly string[]): readonly string[] | undefined =>
  values.length === 0 ? undefined : values;
