import type { SyncEntry } from '../formats/sync-message.ts';
import { basisOf, type HeldSvid } from './held-svid.ts';
import type { InForce } from './in-force.ts';
import type { SyncedView } from './synced-view.ts';
import type { TrustBundles } from './trust-bundles.ts';

export interface StalenessParts {
  readonly view: SyncedView;
  readonly inForce: InForce;
  readonly bundles: TrustBundles;
}

/** Whether an SVID that is still good has to be replaced at once. */
export const isStale = ({ view, inForce, bundles }: StalenessParts, held: HeldSvid, entry: SyncEntry): boolean => {
  if (held.basis !== basisOf(entry) || inForce.isOfThePast(held)) return true;
  if (held.issuers.some((id) => view.tainted.includes(id))) return true;
  const bundle = view.bundle && bundles.of(view.bundle);
  return !bundle?.anchorIds.has(held.anchor);
};
