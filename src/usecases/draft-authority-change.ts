import { type Authority, type AuthorityPurpose, isCaPurpose, type SigningAlgorithm } from '../domain/authority.ts';
import { activeOf, isPublished, isSameLine, isUsable, maySignFrom } from '../domain/authority-life.ts';
import type { AuthorityChanged } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Views } from '../ports/views.ts';
import { authorityOf, type AuthorityKeeper } from './authority-keeper.ts';

export type AuthorityManager = AuthorityKeeper & { readonly views: Pick<Views, 'authorities' | 'credentials'> };

export type AuthorityOperation =
  | { readonly kind: 'prepare'; readonly purpose: AuthorityPurpose; readonly algorithm?: SigningAlgorithm }
  | { readonly kind: 'activate' | 'taint' | 'revoke'; readonly id: string; readonly reason?: string };

export interface Draft {
  readonly facts: readonly AuthorityChanged[];
  /** The keys that verifiers or agents stop trusting. */
  readonly lost: readonly Authority[];
  /** Why force is needed, beside what is lost. */
  readonly warnings: readonly string[];
}

export const wrongState = (detail: string): Refusal => new Refusal('authority_state', detail);

const change = (kind: AuthorityChanged['kind'], { id, purpose }: Authority, by: string): AuthorityChanged => ({
  kind,
  id,
  purpose,
  by,
});

/** The oldest prepared one that could take over from `authority` now. */
const successorOf = (keeper: AuthorityManager, authority: Authority): Authority | undefined => {
  const all = keeper.views.authorities.list();
  return all.find(
    (each) =>
      each.state === 'prepared' &&
      each.id !== authority.id &&
      isSameLine(each, authority.purpose, authority.algorithm) &&
      isUsable(each, all, keeper.clock.now()),
  );
};

const activationOf = (authority: Authority, replaces: Authority | undefined, by: string): AuthorityChanged => ({
  ...change('authority-activated', authority, by),
  ...(replaces !== undefined && { replaces: replaces.id }),
});

const draftActivation = (keeper: AuthorityManager, authority: Authority, by: string): Draft => {
  const { views, clock, authorityPolicy } = keeper;
  const all = views.authorities.list();
  if (!isUsable(authority, all, clock.now()) || authority.state !== 'prepared') {
    throw wrongState(
      'only a prepared authority that is neither tainted, expired nor without its certificate can be activated',
    );
  }
  const from = maySignFrom(authority, all, authorityPolicy);
  const isEarly = unixSeconds(clock.now()) < from;
  return {
    facts: [activationOf(authority, activeOf(all, authority.purpose, authority.algorithm), by)],
    lost: [],
    warnings: isEarly
      ? [
          `it was not published for long enough: until ${new Date(from * 1000).toISOString()} some verifiers may not know it`,
        ]
      : [],
  };
};

const lossOf = (kind: 'taint' | 'revoke', authority: Authority, by: string): AuthorityChanged =>
  change(kind === 'taint' ? 'authority-tainted' : 'authority-revoked', authority, by);

/** A JWT key: the spare takes over in the same moment. */
const draftJwtLoss = (keeper: AuthorityManager, kind: 'taint' | 'revoke', authority: Authority, by: string): Draft => {
  const successor = authority.state === 'active' ? successorOf(keeper, authority) : undefined;
  const loss = lossOf(kind, authority, by);
  return {
    facts: successor === undefined ? [loss] : [activationOf(successor, authority, by), loss],
    lost: kind === 'revoke' ? [authority] : [],
    warnings: [],
  };
};

/**
 * A CA: verifiers trust whatever hangs on its root, so the root goes, with every issuing CA below it, and the spare root
 * takes over (DEC-23).
 */
const draftCaLoss = (keeper: AuthorityManager, kind: 'taint' | 'revoke', authority: Authority, by: string): Draft => {
  const all = keeper.views.authorities.list();
  const root = authority.purpose === 'x509-root' ? authority : all.find(({ id }) => id === authority.issuer);
  if (root === undefined || !isPublished(root)) return { facts: [lossOf(kind, authority, by)], lost: [], warnings: [] };
  const spare = root.state === 'active' ? successorOf(keeper, root) : undefined;
  if (root.state === 'active' && spare === undefined) {
    throw wrongState('no spare root is prepared: bring or prepare one first, or nothing could be issued afterwards');
  }
  const below = all.filter(({ issuer, state }) => issuer === root.id && state !== 'revoked');
  const tainted = [...below, root].filter((each) => !each.tainted).map((each) => change('authority-tainted', each, by));
  return {
    facts: [
      ...(spare === undefined ? [] : [activationOf(spare, root, by)]),
      ...tainted,
      change('authority-revoked', root, by),
    ],
    lost: below,
    warnings: [],
  };
};

const draftLoss = (keeper: AuthorityManager, kind: 'taint' | 'revoke', authority: Authority, by: string): Draft => {
  if (authority.state === 'revoked') throw wrongState('the authority is revoked already');
  const isCa = isCaPurpose(authority.purpose);
  if (kind === 'taint' && authority.tainted && !isCa) throw wrongState('the authority is tainted already');
  return isCa ? draftCaLoss(keeper, kind, authority, by) : draftJwtLoss(keeper, kind, authority, by);
};

/** The facts of an activation, a taint or a revocation, before they are recorded. Refuses with `not_found` or `authority_state`. */
export const draftOf = (
  keeper: AuthorityManager,
  operation: Exclude<AuthorityOperation, { kind: 'prepare' }>,
  by: string,
): Draft => {
  const authority = authorityOf(keeper, operation.id);
  const draft =
    operation.kind === 'activate'
      ? draftActivation(keeper, authority, by)
      : draftLoss(keeper, operation.kind, authority, by);
  const { reason } = operation;
  return reason === undefined ? draft : { ...draft, facts: draft.facts.map((fact) => ({ ...fact, reason })) };
};
