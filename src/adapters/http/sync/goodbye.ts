import { syncLine } from '../../../formats/sync-line.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';

/**
 * How many may come back in a second, so that half of a core is left for others: a handshake takes a millisecond or two, and
 * what is told then takes as much.
 */
const RETURNS_PER_SECOND = 250;

const ALONE: Readonly<Record<SyncBye['reason'], Buffer>> = {
  shutdown: syncLine({ type: 'bye', reason: 'shutdown' }),
  overload: syncLine({ type: 'bye', reason: 'overload' }),
  expired: syncLine({ type: 'bye', reason: 'expired' }),
  revoked: syncLine({ type: 'bye', reason: 'revoked' }),
};

/** The last line of a stream, where `count` of them get it at once: many are told to take their time. */
export const goodbye = (reason: SyncBye['reason'], count = 1): Buffer => {
  const within = Math.ceil(count / RETURNS_PER_SECOND);
  return within > 1 ? syncLine({ type: 'bye', reason, within }) : ALONE[reason];
};
