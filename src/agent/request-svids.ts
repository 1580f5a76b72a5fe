import type { AgentServer, IssuedSvid } from '../ports/agent-server.ts';
import type { Delays } from '../ports/timers.ts';
import { answersOf, GroupedCalls } from './grouped-calls.ts';
import { newKeyAndCsr } from './held-svid.ts';
import type { Pace } from './pace.ts';

/** What came of asking for the SVID of one entry. */
export type SvidOutcome =
  | { readonly issued: IssuedSvid; readonly key: Uint8Array; readonly csr: Uint8Array }
  /** The code of the refusal. */
  | { readonly refused: string }
  /** The server did not answer, or not now. */
  | { readonly failed: unknown };

export interface SvidRequestParts {
  readonly server: Pick<AgentServer, 'x509Svids'>;
  readonly pace: Pace;
  readonly delays: Delays;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Called once for each entry that is added. */
  readonly settle: (entryId: string, outcome: SvidOutcome) => void;
}

/** Asks the server for the X.509-SVIDs of entries, given their ids, each with a new key. */
export const svidRequests = ({ server, pace, delays, random, settle }: SvidRequestParts): GroupedCalls<string> => {
  const ask = async (entryIds: readonly string[]): Promise<void> => {
    const made = await Promise.all(entryIds.map(newKeyAndCsr));
    const items = entryIds.map((entryId, at) => ({ entryId, csr: made[at]?.csr ?? new Uint8Array() }));
    const answers = await answersOf(pace, () => server.x509Svids(items));
    pace.answered();
    for (const [at, entryId] of entryIds.entries()) {
      const answer = answers[at];
      const own = made[at];
      if (answer === undefined || own === undefined) settle(entryId, { failed: new Error('an item has no answer') });
      else if ('value' in answer) settle(entryId, { issued: answer.value, ...own });
      else settle(entryId, { refused: answer.refused.code });
    }
  };
  return new GroupedCalls({
    pace,
    delays,
    call: async (entryIds) => {
      try {
        await ask(entryIds);
      } catch (failed) {
        pace.failed(random());
        for (const entryId of entryIds) settle(entryId, { failed });
      }
    },
  });
};
