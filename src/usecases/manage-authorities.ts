import type { AuthorityPurpose, KeyId, SigningAlgorithm, Authority } from '../domain/authority.ts';
import { isPublished } from '../domain/authority-life.ts';
import { planPreparation } from '../domain/authority-plan.ts';
import { authorityWarnings } from '../domain/authority-warnings.ts';
import { MAX_KEYS_PER_SET } from '../domain/authority-policy.ts';
import type { AuthorityChanged } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { impactOf, type AuthorityImpact } from './authority-impact.ts';
import { authorityOf, recordFacts } from './authority-keeper.ts';
import {
  type Draft,
  draftOf,
  wrongState,
  type AuthorityManager,
  type AuthorityOperation,
} from './draft-authority-change.ts';
import { prepareAuthority } from './prepare-authority.ts';
import { purposesWith, rotateAuthorities } from './rotate-authorities.ts';
import type { StandAside } from './slices.ts';

/** What an operation would do, for the operator to read before `--yes`. */
export interface AuthorityPlan {
  readonly operation: AuthorityOperation;
  /** In order; the ids are those of authorities on record. */
  readonly changes: readonly { readonly kind: AuthorityChanged['kind'] | 'authority-prepared'; readonly id?: KeyId }[];
  readonly impact: AuthorityImpact;
  /** Why `force` is needed, each in a sentence; empty when it is not. */
  readonly warnings: readonly string[];
}

const NOTHING: AuthorityImpact = { liveCredentials: 0, agentCount: 0, agentsNotMoved: [] };

const preparation = (keeper: AuthorityManager, purpose: AuthorityPurpose, wanted?: SigningAlgorithm) => {
  const { views, clock, authorityPolicy: policy } = keeper;
  const all = views.authorities.list();
  const [usual] = policy.algorithms[purpose];
  const algorithm = wanted ?? usual;
  if (!policy.algorithms[purpose].includes(algorithm))
    throw wrongState(`${algorithm} is not switched on for ${purpose}`);
  if (purpose === 'x509-root' && policy.root !== 'made') throw wrongState('the root comes from outside: configure it');
  const published = all.filter((each) => each.purpose === purpose && isPublished(each));
  if (published.length >= MAX_KEYS_PER_SET) throw wrongState(`${MAX_KEYS_PER_SET} keys are published already (JK-08)`);
  const step = planPreparation(all, purpose, algorithm, clock.now(), policy);
  if (step === undefined) throw wrongState('there is no active root to sign with');
  return step;
};

/** No new evidence is needed: nobody is to prepare join tokens for a fleet that is back within a second (DEC-13). */
const toComeBack = (agents: number): string =>
  agents === 1
    ? '1 agent has not moved and has to come back with its node key'
    : `${agents} agents have not moved and have to come back with their node keys`;

const forceWarnings = ({ liveCredentials, agentCount }: AuthorityImpact): string[] => [
  ...(liveCredentials > 0 ? [`${liveCredentials} live credentials stop working`] : []),
  ...(agentCount > 0 ? [toComeBack(agentCount)] : []),
];

/** Every authority that is not gone, oldest generation first within a purpose, and what its operator has to do in time. */
export const listAuthorities = ({
  views,
  clock,
  authorityPolicy,
}: Pick<AuthorityManager, 'views' | 'clock' | 'authorityPolicy'>): {
  readonly authorities: readonly Authority[];
  readonly warnings: readonly string[];
} => {
  const authorities = views.authorities.list();
  return { authorities, warnings: authorityWarnings(authorities, clock.now(), authorityPolicy) };
};

const changesOf = (facts: Draft['facts']): AuthorityPlan['changes'] => facts.map(({ kind, id }) => ({ kind, id }));

/** What an operation would do, and to whom. Changes nothing. Refuses with `not_found` or `authority_state`. */
export const planAuthorityOperation = async (
  keeper: AuthorityManager,
  operation: AuthorityOperation,
  standAside: StandAside,
): Promise<AuthorityPlan> => {
  if (operation.kind === 'prepare') {
    preparation(keeper, operation.purpose, operation.algorithm);
    return { operation, changes: [{ kind: 'authority-prepared' }], impact: NOTHING, warnings: [] };
  }
  const { facts, lost, warnings } = draftOf(keeper, operation, '');
  const impact = lost.length === 0 ? NOTHING : await impactOf(keeper, lost, standAside);
  return { operation, changes: changesOf(facts), impact, warnings: [...warnings, ...forceWarnings(impact)] };
};

export interface AuthorityOrder {
  readonly by: string;
  readonly force?: boolean;
  /** While the plan is made, which walks all credentials; without it nothing else comes in between. */
  readonly standAside?: StandAside;
}

/**
 * Does it, all facts in one step, then whatever follows from it (a new issuing CA, a new spare). Refuses as
 * `planAuthorityOperation`, and with `confirmation_required`, naming the reasons, when the plan has warnings and `force` is
 * not given. Whoever lost a key by theft forces; whoever has time activates the next one and waits.
 */
export const runAuthorityOperation = async (
  keeper: AuthorityManager,
  operation: AuthorityOperation,
  { by, force = false, standAside = () => Promise.resolve() }: AuthorityOrder,
): Promise<AuthorityPlan> => {
  const plan = await planAuthorityOperation(keeper, operation, standAside);
  if (plan.warnings.length > 0 && !force) {
    throw new Refusal('confirmation_required', `${plan.warnings.join('; ')} (--force goes on anyway)`);
  }
  if (operation.kind === 'prepare') {
    const step = preparation(keeper, operation.purpose, operation.algorithm);
    const prepared = await prepareAuthority(keeper, step, by);
    await recordFacts(keeper, [prepared]);
    return { ...plan, changes: [{ kind: prepared.kind, id: prepared.authority.id }] };
  }
  // Others came in between: the spare of the plan may be gone.
  const { facts } = draftOf(keeper, operation, by);
  await recordFacts(keeper, facts);
  const { purpose } = authorityOf(keeper, operation.id);
  await rotateAuthorities(keeper, by, purposesWith(purpose));
  return { ...plan, changes: changesOf(facts) };
};
