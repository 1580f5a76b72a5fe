import type { Fact } from '../domain/fact.ts';
import { newRecordId } from '../domain/record-id.ts';
import type { RefusalCode } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Append, Changeable } from '../ports/ledger.ts';
import { AdmissionOverlay } from './admission-overlay.ts';
import type { AdmissionReader } from './admission-reader.ts';
import { rulesFor } from './admit-kinds.ts';
import type { Place } from './kind-rules.ts';
import type { Objection } from './admit-leans.ts';

/** What becomes of a group of facts: which ones are recorded, and what its caller is told. */
export type Verdict =
  | { readonly status: 'admitted'; readonly facts: readonly Fact[] }
  | { readonly status: 'changed'; readonly what: Changeable; readonly facts: readonly [] }
  | {
      readonly status: 'refused';
      readonly code: RefusalCode;
      readonly reason: string;
      readonly facts: readonly Fact[];
    };

/**
 * Admits or refuses groups of facts one after the other; each sees what the groups before it changed (DEC-4). It changes
 * nothing outside itself but the reader's index of revocations, and undoes that when a group is dropped.
 */
export class Admission {
  readonly #batch: AdmissionOverlay;
  #group: AdmissionOverlay;

  constructor(reader: AdmissionReader) {
    this.#batch = new AdmissionOverlay(reader);
    this.#group = new AdmissionOverlay(this.#batch);
  }

  /** Judges one group, whose first fact will stand at `place`. The caller must `keep` or `drop` it before the next one. */
  consider(append: Append, place: Place, entropy: Entropy): Verdict {
    const objection = this.#admitAll(append.facts, place);
    if (!objection) return { status: 'admitted', facts: append.facts };
    this.drop();
    if (objection.status === 'changed') return { ...objection, facts: [] };
    const { code, reason, clone } = objection;
    const facts: Fact[] = append.denial ? [{ ...append.denial, code, reason }] : [];
    if (clone !== undefined) facts.push(lock(clone, place, entropy));
    const objectionToRefusal = this.#admitAll(facts, place);
    if (objectionToRefusal) throw new Error('a denial cannot be recorded: its id is on record already');
    return { status: 'refused', code, reason, facts };
  }

  /** Makes the group's changes visible to the groups after it. */
  keep(): void {
    this.#group.mergeInto(this.#batch);
    this.#group = new AdmissionOverlay(this.#batch);
  }

  /** Undoes the group, as if it had never been considered. */
  drop(): void {
    this.#group.drop();
    this.#group = new AdmissionOverlay(this.#batch);
  }

  #admitAll(facts: readonly Fact[], place: Place): Objection | undefined {
    for (const [at, fact] of facts.entries()) {
      const rules = rulesFor(fact);
      const objection = rules.objection(this.#group, fact);
      if (objection) return objection;
      rules.apply(this.#group, fact, { index: place.index + at, time: place.time });
    }
    return undefined;
  }
}

/** The fact that stops renewals of an identity once a clone was seen, until an operator unlocks it (DEC-12). */
const lock = (spiffeId: SpiffeId, { time }: Place, entropy: Entropy): Fact => ({
  kind: 'revoked',
  id: newRecordId(time, entropy),
  target: { kind: 'identity', value: spiffeId },
  predicates: ['lock'],
  reason: 'clone',
  by: 'mayfly',
});
