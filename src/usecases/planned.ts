import type { Cursor } from '../domain/cursor.ts';
import type { Issued } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import type { Appended } from '../ports/ledger.ts';

/** A credential that was decided upon and is neither recorded nor signed yet (DEC-3). */
export interface Planned<T> {
  /** The intent, to be recorded first. */
  readonly issued: Issued;
  /** Once the intent is durable at `place`: signs, compares with the intent, reads back and releases. */
  finish(place: Cursor): Promise<T>;
}

type Committed = Extract<Appended, { status: 'committed' }>;

/** The place of the nth fact of a committed group. */
export const placeOf = (appended: Committed, nth = 0): Cursor => ({
  epoch: appended.epoch,
  index: appended.index + nth,
});

/** The sequencer's answer, unless it refused: then that refusal is thrown, with the id of the denial that was recorded. */
export const committedOr = (appended: Appended, decisionId: string): Committed | 'changed' => {
  if (appended.status === 'committed') return appended;
  if (appended.status === 'changed') return 'changed';
  throw new Refusal(appended.code, 'the request was refused', { reason: appended.reason, decisionId });
};
