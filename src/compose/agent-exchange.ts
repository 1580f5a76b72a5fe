import type { RecordId } from '../domain/record-id.ts';
import { type AgentSighting, PresenceBoard, type PresenceReader } from '../usecases/agent-presence.ts';

/** What the front ends of a process tell each other of agents: those of one agent may be anywhere (DEC-1). */
export interface AgentExchange {
  /** What this front end saw. */
  report(sightings: readonly AgentSighting[]): void;
  /** The successor of this credential was presented here: nobody else is to go on with it. */
  superseded(id: RecordId): void;
  /** What all of them see. */
  readonly reader: PresenceReader;
}

export const readerOf = (board: PresenceBoard): PresenceReader => ({
  of: (agents) => Promise.resolve(board.of(agents)),
  connected: () => Promise.resolve(board.connected()),
});

/** Of a front end that is alone, or has the board in its own thread; `tell` passes on what concerns the others. */
export const ownExchange = (
  board = new PresenceBoard(),
  tell: (superseded: RecordId) => void = () => undefined,
): AgentExchange => ({
  report: (sightings) => board.report(0, sightings),
  superseded: tell,
  reader: readerOf(board),
});
