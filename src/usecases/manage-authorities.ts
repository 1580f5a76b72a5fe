import type { AuthorityPurpose, KeyId, SigningAlgorithm, Authority } from '../domain/authority.ts';
import { isPublished } from '../domain/authority-life.ts';
import { planPreparation } from '../domain/authority-plan.ts';
import { authorityWarnings } from '../domain/authority-warnings.ts';
import { MAX_KEYS_PER_SET } from '../domain/authority-policy.ts';
import type { AuthorityChanged } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { type AuthorityImpact, impactOf, type LiveTally, NO_TALLY, tallyLive } from './authority-impact.ts';
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

export interface AuthorityOrder {
  readonly by: string;
  readonly force?: boolean;
  /** While live credentials are counted. */
  readonly standAside: StandAside;
}

type Change = Exclude<AuthorityOperation, { kind: 'prepare' }>;

/** Only what takes a key away has an impact. `before` is a place in the log: what was recorded there or later does not count. */
const tallyFor = (
  keeper: AuthorityManager,
  { lost }: Draft,
  standAside: StandAside,
  before?: number,
): LiveTally | Promise<LiveTally> => (lost.length === 0 ? NO_TALLY : tallyLive(keeper, standAside, before));

const planOf = (operation: Change, { facts, lost, warnings }: Draft, tally: LiveTally): AuthorityPlan => {
  const impact = impactOf(tally, lost);
  const changes = facts.map(({ kind, id }) => ({ kind, id }));
  return { operation, changes, impact, warnings: [...warnings, ...forceWarnings(impact)] };
};

const planOfPreparation = (operation: AuthorityOperation, id?: KeyId): AuthorityPlan => ({
  operation,
  changes: [{ kind: 'authority-prepared', ...(id !== undefined && { id }) }],
  impact: impactOf(NO_TALLY, []),
  warnings: [],
});

/** What an operation would do, and to whom. Changes nothing. Refuses with `not_found` or `authority_state`. */
export const planAuthorityOperation = async (
  keeper: AuthorityManager,
  operation: AuthorityOperation,
  { by, standAside }: Omit<AuthorityOrder, 'force'>,
): Promise<AuthorityPlan> => {
  if (operation.kind === 'prepare') {
    preparation(keeper, operation.purpose, operation.algorithm);
    return planOfPreparation(operation);
  }
  const tally = await tallyFor(keeper, draftOf(keeper, operation, by), standAside);
  return planOf(operation, draftOf(keeper, operation, by), tally);
};

/** A draft that may be recorded, and its plan; throws where it has to be forced. */
const confirmed = async (
  keeper: AuthorityManager,
  operation: Change,
  { by, standAside }: AuthorityOrder,
): Promise<{ readonly draft: Draft; readonly plan: AuthorityPlan }> => {
  const tally = await tallyFor(keeper, draftOf(keeper, operation, by), standAside);
  // Nobody comes in between from here on: what is recorded is what was planned.
  const draft = draftOf(keeper, operation, by);
  const plan = planOf(operation, draft, tally);
  if (plan.warnings.length > 0) {
    throw new Refusal('confirmation_required', `${plan.warnings.join('; ')} (--force goes on anyway)`);
  }
  return { draft, plan };
};

/**
 * Does it, all facts in one step, then whatever follows from it (a new issuing CA, a new spare). Refuses as
 * `planAuthorityOperation`, and with `confirmation_required`, naming the reasons, when the plan has warnings and `force` is
 * not given. Whoever lost a key by theft forces, and does not wait for what hangs on it to be counted; whoever has time activates
 * the next one and waits.
 */
export const runAuthorityOperation = async (
  keeper: AuthorityManager,
  operation: AuthorityOperation,
  order: AuthorityOrder,
): Promise<AuthorityPlan> => {
  const { by, force = false, standAside } = order;
  if (operation.kind === 'prepare') {
    const step = preparation(keeper, operation.purpose, operation.algorithm);
    const prepared = await prepareAuthority(keeper, step, by);
    await recordFacts(keeper, [prepared]);
    return planOfPreparation(operation, prepared.authority.id);
  }
  const { draft, plan } = force
    ? { draft: draftOf(keeper, operation, by), plan: undefined }
    : await confirmed(keeper, operation, order);
  const { index } = await recordFacts(keeper, draft.facts);
  await rotateAuthorities(keeper, by, purposesWith(authorityOf(keeper, operation.id).purpose));
  return plan ?? planOf(operation, draft, await tallyFor(keeper, draft, standAside, index));
};
