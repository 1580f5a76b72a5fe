import type { Instant } from '../domain/instant.ts';
import type { AdmissionOverlay } from './admission-overlay.ts';
import type { AdmissionReader } from './admission-reader.ts';
import { refused } from './admit-leans.ts';
import type { Objection } from './admit-leans.ts';

/** Where a fact will stand in the ledger. */
export interface Place {
  readonly index: number;
  readonly time: Instant;
}

/** How facts of one kind are admitted: why one may not be recorded, and what it changes when it is. */
export interface KindRules<F> {
  objection(reader: AdmissionReader, fact: F): Objection | undefined;
  apply(state: AdmissionOverlay, fact: F, place: Place): void;
}

/** The objection to a fact whose id, key or name is on record already. */
export const conflict = (what: string): Objection => refused('conflict', what);
