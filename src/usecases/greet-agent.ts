import type { SpiffeId } from '../domain/spiffe-id.ts';
import { contradiction } from '../ledger/remembered-head.ts';
import type { HeadAuthenticator, SignedHead } from '../ports/heads.ts';
import type { WriteStop } from '../ports/ledger.ts';
import type { LogReader } from '../ports/views.ts';

/** What the memory of the fleet is compared with (DEC-11). */
export interface FleetMemory {
  readonly log: Pick<LogReader, 'head' | 'rootAt'>;
  readonly writes: WriteStop;
  readonly heads: HeadAuthenticator;
}

/**
 * Looks at what an agent remembers of the log. True: all that it has is of the log's present epoch, and it can go on from
 * there. False: it has to resync whole, since it comes from an earlier epoch, or what it holds did not come from us.
 *
 * A head that we gave out and that cannot be of our past ends all writing: this rejects with `Refusal('read_only')`. Nobody
 * can invent such a head, so whoever brings it needs no other proof; after a rollback the agents that know more are those
 * whose certificates the store has never seen.
 */
export const hearHead = async (
  { log, writes, heads }: FleetMemory,
  remembered: SignedHead | undefined,
): Promise<boolean> => {
  if (remembered === undefined || !heads.isOurs(remembered)) return false;
  const { logId, epoch, size } = log.head();
  if (remembered.logId !== logId) return false;
  const standing = { epoch, size, rootAt: (at: number) => log.rootAt(at) };
  const reason = contradiction(standing, remembered, `the agent ${remembered.agent}`);
  if (reason !== undefined) return writes.stopWrites({ reason, epoch: remembered.epoch });
  return remembered.epoch === epoch;
};

/** The head for an agent to remember. It is committed, so no crash takes it back. */
export const headFor = ({ log, heads }: FleetMemory, agent: SpiffeId): SignedHead =>
  heads.sign({ ...log.head(), agent });
