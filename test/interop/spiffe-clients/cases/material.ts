import type { Event } from '../driver/program.ts';

// What the members of events are.

export interface Svid {
  readonly id: string;
  readonly serial: string;
  /** Unix seconds. */
  readonly notAfter: number;
  readonly hint: string;
  readonly chain: number;
}

export interface Token {
  readonly id: string;
  readonly audience: readonly string[];
  readonly exp: number;
  readonly hint: string;
  readonly token: string;
  readonly kid: string;
}

export const svidsOf = (event: Event): readonly Svid[] => (event['svids'] ?? []) as readonly Svid[];
export const tokensOf = (event: Event): readonly Token[] => (event['tokens'] ?? []) as readonly Token[];

/** Hashes or key ids of a trust domain, in order. */
export const bundleOf = (event: Event, trustDomain: string): readonly string[] => {
  const bundles = (event['bundles'] ?? {}) as Readonly<Record<string, readonly string[]>>;
  return [...(bundles[trustDomain] ?? [])].sort();
};

export const trustDomainsOf = (event: Event): readonly string[] =>
  Object.keys((event['bundles'] ?? {}) as object).sort();

export const serialsOf = (event: Event): readonly string[] => svidsOf(event).map(({ serial }) => serial);

export const is =
  (name: string, more: Readonly<Record<string, unknown>> = {}) =>
  (event: Event): boolean =>
    event.event === name && Object.entries(more).every(([member, value]) => event[member] === value);
