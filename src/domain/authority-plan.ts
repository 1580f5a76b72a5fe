import {
  AUTHORITY_PURPOSES,
  type Authority,
  type AuthorityPurpose,
  type KeyHome,
  type KeyId,
  type SigningAlgorithm,
} from './authority.ts';
import {
  activeOf,
  asksRootFrom,
  isOver,
  isSameLine,
  isUsable,
  isWaiting,
  nextGeneration,
  maySignFrom,
  rotatesAt,
} from './authority-life.ts';
import type { AuthorityPolicy, RootOrigin } from './authority-policy.ts';
import { unixSeconds, type Instant } from './instant.ts';

/** One step in the life of an authority; each becomes one fact. */
export type AuthorityStep = PrepareStep | ActivateStep | LetGoStep;

export interface PrepareStep {
  readonly kind: 'prepare';
  readonly purpose: AuthorityPurpose;
  readonly algorithm: SigningAlgorithm;
  readonly generation: number;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The root that signs an issuing CA. */
  readonly issuer?: KeyId;
}

export interface ActivateStep {
  readonly kind: 'activate';
  readonly id: KeyId;
  readonly purpose: AuthorityPurpose;
  readonly replaces?: KeyId;
}

export interface LetGoStep {
  readonly kind: 'gone';
  readonly id: KeyId;
  readonly purpose: AuthorityPurpose;
}

/** What is looked at, at one moment. */
interface Scene {
  /** All authorities but those that are gone. */
  readonly all: readonly Authority[];
  readonly now: Instant;
  readonly policy: AuthorityPolicy;
}

const ROOT_HOMES: Record<RootOrigin, KeyHome['kind']> = { made: 'sealed', brought: 'file', offline: 'absent' };

/** A root that was made elsewhere than the policy says stays trusted, but is nobody's successor. */
const isCandidate = ({ policy }: Scene, authority: Authority): boolean =>
  authority.purpose !== 'x509-root' || authority.key.kind === ROOT_HOMES[policy.root];

const preparedOf = (scene: Scene, purpose: AuthorityPurpose, algorithm: SigningAlgorithm): readonly Authority[] =>
  scene.all
    .filter((each) => each.state === 'prepared' && isSameLine(each, purpose, algorithm))
    .filter((each) => isCandidate(scene, each))
    .toSorted((a, b) => a.generation - b.generation);

/**
 * Unix seconds at which a spare takes over from `active`. A root from outside is followed as soon as the next one has been
 * published for long enough: that the operator brought it is the decision.
 */
const takeoverDue = ({ policy }: Scene, active: Authority): number =>
  active.purpose === 'x509-root' && policy.root !== 'made' ? 0 : rotatesAt(active, policy);

const activation = (scene: Scene, active: Authority | undefined, spare: Authority): ActivateStep | undefined => {
  const { all, now, policy } = scene;
  const isNeeded = active === undefined || !isUsable(active, all, now);
  const due = isNeeded ? 0 : Math.max(takeoverDue(scene, active), maySignFrom(spare, all, policy));
  if (unixSeconds(now) < due) return undefined;
  const { id, purpose } = spare;
  return { kind: 'activate', id, purpose, ...(active !== undefined && { replaces: active.id }) };
};

/**
 * Roots and JWT keys have a spare that is out from the first day (DEC-22). Nobody needs to know an issuing CA ahead, so
 * the next one is made when it is due, or at half of life where an offline root has to sign it.
 */
const needsSpare = ({ all, now, policy }: Scene, active: Authority | undefined, purpose: AuthorityPurpose): boolean => {
  if (purpose === 'x509-root') return policy.root === 'made';
  if (purpose !== 'x509-issuing' || active === undefined || !isUsable(active, all, now)) return true;
  const due = rotatesAt(active, policy);
  return unixSeconds(now) >= (policy.root === 'offline' ? Math.min(due, asksRootFrom(active)) : due);
};

/** Which root will sign. With an offline root nobody here does, and the certificate that comes back says which it was. */
const signingRoot = ({ all, now, policy }: Scene): Authority | undefined => {
  const root = policy.root === 'offline' ? undefined : activeOf(all, 'x509-root');
  return root !== undefined && isUsable(root, all, now) ? root : undefined;
};

/** What a new authority of a purpose would be, made now. Undefined: an issuing CA whose root is not there. */
export const planPreparation = (
  all: readonly Authority[],
  purpose: AuthorityPurpose,
  algorithm: SigningAlgorithm,
  now: Instant,
  policy: AuthorityPolicy,
): PrepareStep | undefined => {
  const scene: Scene = { all, now, policy };
  const seconds = unixSeconds(now);
  const active = activeOf(all, purpose, algorithm);
  const isSpare = active !== undefined && isUsable(active, all, now);
  const takeover = isSpare && purpose !== 'x509-issuing' ? rotatesAt(active, policy) : seconds;
  const start = isSpare && purpose !== 'x509-issuing' ? Math.max(takeover, seconds + policy.prepublish) : seconds;
  const step: PrepareStep = {
    kind: 'prepare',
    purpose,
    algorithm,
    generation: nextGeneration(all, purpose),
    // A root's own validity begins before that of the CA it signs in the same moment.
    notBefore: seconds - (purpose === 'x509-root' ? 2 : 1) * policy.caBackdate,
    notAfter: start + policy.life[purpose],
  };
  if (purpose !== 'x509-issuing' || policy.root === 'offline') return step;
  const root = signingRoot(scene);
  if (root === undefined) return undefined;
  return {
    ...step,
    notBefore: Math.max(step.notBefore, root.notBefore),
    notAfter: Math.min(step.notAfter, root.notAfter),
    issuer: root.id,
  };
};

/** The step that is due first among the keys of one purpose and algorithm; undefined when none is. */
const nextStepOfLine = (
  scene: Scene,
  purpose: AuthorityPurpose,
  algorithm: SigningAlgorithm,
): AuthorityStep | undefined => {
  const { all, now, policy } = scene;
  const active = activeOf(all, purpose, algorithm);
  const prepared = preparedOf(scene, purpose, algorithm);
  const [spare] = prepared.filter((each) => isUsable(each, all, now));
  const step = spare === undefined ? undefined : activation(scene, active, spare);
  if (step !== undefined) return step;
  const hasOne = spare !== undefined || prepared.some((each) => isWaiting(each) && !each.tainted);
  if (hasOne || !needsSpare(scene, active, purpose)) return undefined;
  return planPreparation(all, purpose, algorithm, now, policy);
};

/** What is over may go, but never the newest of its purpose: the next generation counts on from it. */
const letGo = ({ all, now, policy }: Scene, skip: ReadonlySet<AuthorityPurpose>): LetGoStep | undefined => {
  const over = all.find(
    (each) =>
      !skip.has(each.purpose) &&
      isOver(each, all, now, policy) &&
      each.generation + 1 < nextGeneration(all, each.purpose),
  );
  return over && { kind: 'gone', id: over.id, purpose: over.purpose };
};

/**
 * The one step that is due first, or nothing. Whoever runs it records the step and asks again, so that steps which a
 * stopped server has missed are caught up in order. `all` holds every authority that is not gone.
 *
 * Promises: at most one active key per purpose and algorithm; a spare signs only after `prepublish` (the very first, and
 * one that replaces an expired or tainted key, excepted); the next is active at five sixths of life at the latest when
 * asked in time; no key goes while something that it signed may be in use (JK-07). It trusts `now`: after a jump of the
 * wall clock it is not to be asked (DEC-9). Purposes in `skip` are left as they are.
 */
export const nextAuthorityStep = (
  all: readonly Authority[],
  now: Instant,
  policy: AuthorityPolicy,
  skip: ReadonlySet<AuthorityPurpose> = new Set(),
): AuthorityStep | undefined => {
  const scene: Scene = { all, now, policy };
  for (const purpose of AUTHORITY_PURPOSES) {
    if (skip.has(purpose)) continue;
    for (const algorithm of policy.algorithms[purpose]) {
      const step = nextStepOfLine(scene, purpose, algorithm);
      if (step !== undefined) return step;
    }
  }
  return letGo(scene, skip);
};
