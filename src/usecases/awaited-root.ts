import { isUsable } from '../domain/authority-life.ts';
import type { AuthorityKeeper } from './authority-keeper.ts';

type Needs = Pick<AuthorityKeeper, 'authorityPolicy' | 'clock' | 'views'>;

const WHAT_TO_DO =
  'no issuing CA is signed yet: take what `mayfly authority csr` prints to the offline root, and bring the answer with `mayfly authority install`';

/**
 * What an operator has to do before anything can be issued, where the root is offline and has signed no issuing CA that is
 * good now. Undefined when it has, and with every other kind of root.
 */
export const awaitedRoot = ({ authorityPolicy, clock, views }: Needs): string | undefined => {
  if (authorityPolicy.root !== 'offline') return undefined;
  const all = views.authorities.list();
  const now = clock.now();
  const isSigned = all.some(
    (each) => each.purpose === 'x509-issuing' && each.state === 'active' && isUsable(each, all, now),
  );
  return isSigned ? undefined : WHAT_TO_DO;
};
