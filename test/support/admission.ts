import type { Attested, Fact } from '../../src/domain/fact.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { RevocationIndex } from '../../src/domain/revocation.ts';
import type { AdmissionReader } from '../../src/ledger/admission-reader.ts';
import { Admission } from '../../src/ledger/admit.ts';
import type { Verdict } from '../../src/ledger/admit.ts';
import type { Append } from '../../src/ports/ledger.ts';
import { AGENT, FOUNDATION, newId, START } from './facts.ts';
import { testEntropy } from './ledger.ts';

/** A store that holds nothing: what a test needs is admitted first. */
const emptyStore = (): AdmissionReader => ({
  credential: () => undefined,
  credentialUsed: () => false,
  decided: () => false,
  entry: () => undefined,
  entryUsed: () => false,
  commonNameOwner: () => undefined,
  resource: () => undefined,
  resourceRevision: () => 0,
  resourceNamed: () => undefined,
  joinToken: () => undefined,
  joinTokenHashUsed: () => false,
  spent: () => undefined,
  authority: () => undefined,
  activeAuthority: () => undefined,
  generationUsed: () => false,
  revocations: new RevocationIndex(),
});

/** Admits one group after the other, as a batch. */
export class Batch {
  readonly #admission = new Admission(emptyStore());
  #index = 0;

  constructor(...facts: readonly Fact[]) {
    if (facts.length > 0) expect(this.ask({ facts }).status).toBe('admitted');
  }

  ask(append: Append): Verdict {
    const verdict = this.#admission.consider(append, { index: this.#index, time: START }, testEntropy);
    this.#admission.keep();
    this.#index += verdict.facts.length;
    return verdict;
  }

  one(fact: Fact): Verdict {
    return this.ask({ facts: [fact] });
  }
}

export const revoked = (target: RevocationTarget, predicates: readonly Predicate[], id = newId()): Fact => ({
  kind: 'revoked',
  id,
  target,
  predicates,
  reason: 'key_compromise',
  by: 'test',
});

export const attested = (options: Partial<Attested> = {}): Attested => ({
  kind: 'attested',
  id: newId(),
  attestor: 'join_token',
  role: 'agent',
  spiffeId: AGENT,
  selectors: [],
  evidence: 'ab',
  spki: 'cd',
  renewUntil: 2_000_000_000,
  leans: { policy: 1 },
  spends: [],
  ...options,
});

export const refusal = (verdict: Verdict): string => (verdict.status === 'refused' ? verdict.code : verdict.status);

export const ready = (...facts: readonly Fact[]): Batch => new Batch(...FOUNDATION, ...facts);
