import type { SyncDenial } from '../../../formats/sync-message.ts';
import type { AgentStream } from './agent-stream.ts';

/** Who hears of streams: for numbers, presence and denials. */
export interface FeedListener {
  /** Something about these changed since the last call; at most once a tick. */
  changed(streams: ReadonlySet<AgentStream>): void;
  /** An agent told of these. Throws when they are too many. */
  denied(stream: AgentStream, denials: readonly SyncDenial[]): void;
  open(count: number): void;
  dropped(): void;
}
