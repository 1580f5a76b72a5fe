import type { Cursor } from '../domain/cursor.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Change } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';

export interface ChangePage {
  readonly changes: readonly Change[];
  /** Where to go on. */
  readonly cursor: Cursor;
}

/**
 * Changes of entries, resources, revocations and authorities after a cursor, in order; from the first without one. Refuses
 * with `conflict` a cursor of another epoch: its index means nothing here, so the reader starts again (DEC-10).
 */
export const readChanges = (issuer: Pick<Issuer, 'views'>, after: Cursor | undefined, limit: number): ChangePage => {
  const { epoch } = issuer.views.log.head();
  if (after !== undefined && after.epoch !== epoch) {
    throw new Refusal('conflict', `the ledger is in epoch ${epoch}: read again from the start`);
  }
  const changes = issuer.views.changes.after(after?.index ?? -1, limit);
  return { changes, cursor: changes.at(-1)?.cursor ?? after ?? { epoch, index: issuer.views.changes.newest() } };
};
