import type { Instant } from '../domain/instant.ts';
import type { AdmissionOverlay } from './admission-overlay.ts';
import type { AdmissionReader } from './admission-reader.ts';
import { refused } from './admit-leans.ts';
import type { Objection } from './admit-leans.ts';

/** Where a fact would stand. */
export interface Place {
  readonly index: number;
  readonly time: Instant;
}

/** What stands against a fact of one kind, and what it changes once nothing does. */
export interface KindRules<F> {
  objection(reader: AdmissionReader, fact: F): Objection | undefined;
  apply(state: AdmissionOverlay, fact: F, place: Place): void;
}

/** What stands on record already. */
export const conflict = (what: string): Objection => refused('conflict', what);
