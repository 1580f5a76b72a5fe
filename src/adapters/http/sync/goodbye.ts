import type { Cursor } from '../../../domain/cursor.ts';
import { syncLine } from '../../../formats/sync-line.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';

/**
 * How many may come back in a second, so that half of a core is left for others: a handshake takes a millisecond or two, and
 * what is told then takes as much.
 */
const RETURNS_PER_SECOND = 125;

type Reason = Exclude<SyncBye['reason'], 'revoked'>;

const ALONE: Readonly<Record<Reason, Buffer>> = {
  shutdown: syncLine({ type: 'bye', reason: 'shutdown' }),
  overload: syncLine({ type: 'bye', reason: 'overload' }),
  expired: syncLine({ type: 'bye', reason: 'expired' }),
};

/** The last line of a stream, where `count` of them get it at once: many are told to take their time. */
export const goodbye = (reason: Reason, count = 1): Buffer => {
  const within = Math.ceil(count / RETURNS_PER_SECOND);
  return within > 1 ? syncLine({ type: 'bye', reason, within }) : ALONE[reason];
};

/** The last line to an agent whose identity is void, with the place that it is to acknowledge. */
export const voidGoodbye = (cursor: Cursor): Buffer => syncLine({ type: 'bye', reason: 'revoked', cursor });
