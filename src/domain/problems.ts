import { Refusal } from './refusal.ts';
import type { FieldProblem } from './refusal.ts';

/** Collects what is wrong with an input, member by member, so that its author hears everything at once. */
export class Problems {
  readonly #all: FieldProblem[] = [];

  get all(): readonly FieldProblem[] {
    return this.#all;
  }

  add(field: string, problem: string | undefined): void {
    if (problem !== undefined) this.#all.push({ field, problem });
  }

  /** The value that `parse` gives, or nothing when it refuses; the refusal's text becomes the problem. */
  parse<T>(field: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.add(field, error.message);
      return undefined;
    }
  }

  /** Each value of a list that passes; without duplicates and sorted by code units. */
  list<T extends string>(
    field: string,
    values: readonly string[],
    max: number,
    parse: (value: string, field: string) => T | undefined,
  ): readonly T[] {
    if (values.length > max) {
      this.add(field, `holds at most ${max} values`);
      return [];
    }
    const good = values.map((value, at) => parse(value, `${field}[${at}]`)).filter((value) => value !== undefined);
    return [...new Set(good)].sort();
  }
}

/** What a set of rules says of an input: the value as it will be recorded, or all problems. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

export const isWholeBetween = (value: number, low: number, high: number): boolean =>
  Number.isSafeInteger(value) && value >= low && value <= high;

const CONTROL = /\p{Cc}/u;

/** Says what is wrong with a line of free text, or nothing. `max` counts octets of UTF-8. */
export const textProblem = (text: string, max: number): string | undefined => {
  if (text === '') return 'is empty';
  if (Buffer.byteLength(text) > max) return `has at most ${max} bytes`;
  if (!text.isWellFormed()) return 'holds half of a surrogate pair';
  return CONTROL.test(text) ? 'holds a control character' : undefined;
};
