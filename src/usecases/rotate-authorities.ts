import { AUTHORITY_PURPOSES, type AuthorityPurpose, isCaPurpose } from '../domain/authority.ts';
import { nextAuthorityStep, type AuthorityStep } from '../domain/authority-plan.ts';
import type { Fact } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { adoptBroughtRoot } from './adopt-root.ts';
import { recordFacts, type AuthorityKeeper } from './authority-keeper.ts';
import { prepareAuthority } from './prepare-authority.ts';

/** More steps than any outage can leave behind; beyond it something refuses to progress. */
const MAX_STEPS = 64;

const factOf = async (keeper: AuthorityKeeper, step: AuthorityStep, by: string): Promise<Fact> => {
  switch (step.kind) {
    case 'prepare':
      return prepareAuthority(keeper, step, by);
    case 'activate': {
      const { id, purpose, replaces } = step;
      return { kind: 'authority-activated', id, purpose, ...(replaces !== undefined && { replaces }), by };
    }
    default:
      return { kind: 'authority-gone', id: step.id, purpose: step.purpose, by };
  }
};

/** Another server took this step: look again instead of giving up. */
const wasFaster = (error: unknown): boolean =>
  error instanceof Refusal && (error.code === 'conflict' || error.code === 'authority_state');

/** What went wrong with one purpose, while the others went on. */
class Troubles {
  /** The purposes that are left as they are: not asked for, or in trouble. */
  readonly purposes: Set<AuthorityPurpose>;
  count = 0;
  first: unknown;

  constructor(only: readonly AuthorityPurpose[]) {
    this.purposes = new Set(AUTHORITY_PURPOSES.filter((each) => !only.includes(each)));
  }

  add(purpose: AuthorityPurpose, error: unknown): void {
    if (this.count === 0) this.first = error;
    this.count += 1;
    this.purposes.add(purpose);
  }
}

const attempt = async (purpose: AuthorityPurpose, troubles: Troubles, work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!wasFaster(error)) troubles.add(purpose, error);
  }
};

/**
 * Takes every step that is due, each as a fact, until nothing is due (DEC-22). Gives the steps that this call took; an empty
 * answer is the rule. May run in several servers at once, and at any time again: a step that someone else took is refused by
 * the ledger, and looked at anew. Not to be called after a jump of the wall clock (DEC-9).
 *
 * Where one purpose fails, say because a root's key file is missing, the others still go on; then this rejects with the
 * first failure: the ledger's, the key store's, or that of `adoptBroughtRoot`. `only` names the purposes to look at: what an
 * operator did is followed up without moving the rest, which may be waiting for the clock to be right again.
 */
export const rotateAuthorities = async (
  keeper: AuthorityKeeper,
  by = 'schedule',
  only: readonly AuthorityPurpose[] = AUTHORITY_PURPOSES,
): Promise<readonly AuthorityStep[]> => {
  const taken: AuthorityStep[] = [];
  const troubles = new Troubles(only);
  const next = (): AuthorityStep | undefined =>
    nextAuthorityStep(keeper.views.authorities.list(), keeper.clock.now(), keeper.authorityPolicy, troubles.purposes);

  if (only.includes('x509-root')) await attempt('x509-root', troubles, () => adoptBroughtRoot(keeper, by));
  let left = MAX_STEPS;
  for (let step = next(); step !== undefined; step = next()) {
    if (left === 0) throw new Error(`the authorities do not come to rest within ${MAX_STEPS} steps`);
    left -= 1;
    const due = step;
    await attempt(due.purpose, troubles, async () => {
      await recordFacts(keeper, [await factOf(keeper, due, by)]);
      taken.push(due);
    });
  }
  if (troubles.count > 0) throw troubles.first;
  return taken;
};

/** What moves together: a new root is nothing without an issuing CA under it. */
export const purposesWith = (purpose: AuthorityPurpose): readonly AuthorityPurpose[] =>
  isCaPurpose(purpose) ? ['x509-root', 'x509-issuing'] : [purpose];

/** The first authorities of a trust domain: each purpose's active key, and the spares (DEC-22). As `rotateAuthorities`. */
export const bootstrapAuthorities = (keeper: AuthorityKeeper): Promise<readonly AuthorityStep[]> =>
  rotateAuthorities(keeper, 'init');
