import type { Mutator } from './mutate.ts';

/** What is fuzzed: one reader of bytes from outside. */
export interface Target {
  readonly seeds: readonly Uint8Array[];
  readonly mutate: Mutator;
  /** Files below `src/` whose coverage is told. */
  readonly sources: readonly string[];
  /** CPU time that one input may take; 50 ms unless told. */
  readonly maxMs?: number;
  /** Feeds the reader; true when it accepted. Rejects or throws for whatever it must not do. */
  run(input: Uint8Array): boolean | Promise<boolean>;
}

/** The reader did what it must not do. */
export class Finding extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Finding';
  }
}

export const demand = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new Finding(what);
};

/** What `read` gives, or undefined when it refuses in its documented way. Any other error goes on. */
export const unless = <Value>(isDocumented: (error: unknown) => boolean, read: () => Value): Value | undefined => {
  try {
    return read();
  } catch (error) {
    if (isDocumented(error)) return undefined;
    throw error;
  }
};

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
export const octets = (...texts: readonly string[]): Buffer[] => texts.map((each) => Buffer.from(each));
