import type { SpiffeId } from '../domain/spiffe-id.ts';

/** One connection of an agent to the sync feed, as its front end sees it. Times in Unix milliseconds. */
export interface AgentSighting {
  readonly agent: SpiffeId;
  /** The connection's number at its front end. */
  readonly stream: number;
  readonly since: number;
  /** When the agent sent something last. */
  readonly seen: number;
  /** The newest log index that it acknowledged; -1 for none. */
  readonly acknowledged: number;
  /** Since when an acknowledgement is missing. */
  readonly behindSince?: number;
  /** The connection is over. */
  readonly gone?: true;
}

/** What is known of an agent's connections since this server started. */
export interface AgentPresence {
  readonly agent: SpiffeId;
  /** Since when it is connected; absent while it is not. */
  readonly since?: number;
  readonly seen: number;
  readonly acknowledged: number;
  readonly behindSince?: number;
}

/** Asks who is connected, at all front ends of the process. */
export interface PresenceReader {
  /** Those of `agents` that were ever seen. */
  of(agents: readonly SpiffeId[]): Promise<readonly AgentPresence[]>;
  connected(): Promise<readonly AgentPresence[]>;
}

interface Held {
  readonly open: Map<string, AgentSighting>;
  last: AgentSighting;
}

/** How many agents that are not connected are remembered. */
const REMEMBERED = 20_000;

/** Gathers what the front ends see, in the thread that has the admin socket. */
export class PresenceBoard {
  readonly #agents = new Map<SpiffeId, Held>();
  readonly #away = new Set<SpiffeId>();

  report(frontEnd: number, sightings: readonly AgentSighting[]): void {
    for (const sighting of sightings) this.#note(`${frontEnd} ${sighting.stream}`, sighting);
    for (const agent of this.#away) {
      if (this.#away.size <= REMEMBERED) break;
      this.#away.delete(agent);
      this.#agents.delete(agent);
    }
  }

  of(agents: readonly SpiffeId[]): readonly AgentPresence[] {
    return agents.flatMap((agent) => {
      const held = this.#agents.get(agent);
      return held ? [presenceOf(held)] : [];
    });
  }

  connected(): readonly AgentPresence[] {
    return [...this.#agents.values()].filter(({ open }) => open.size > 0).map(presenceOf);
  }

  /** How many are connected, and how many of them are behind. */
  count(): { readonly connected: number; readonly lagging: number } {
    const connected = this.connected();
    return {
      connected: connected.length,
      lagging: connected.filter(({ behindSince }) => behindSince !== undefined).length,
    };
  }

  #note(key: string, sighting: AgentSighting): void {
    const held = this.#agents.get(sighting.agent) ?? { open: new Map(), last: sighting };
    this.#agents.set(sighting.agent, held);
    held.last = sighting;
    if (sighting.gone) held.open.delete(key);
    else held.open.set(key, sighting);
    if (held.open.size === 0) this.#away.add(sighting.agent);
    else this.#away.delete(sighting.agent);
  }
}

/** An agent that reconnects has two connections for a while: the newest one counts. */
const presenceOf = ({ open, last }: Held): AgentPresence => {
  const newest = [...open.values()].reduce<AgentSighting | undefined>(
    (best, each) => (best && best.since > each.since ? best : each),
    undefined,
  );
  const { agent, acknowledged, behindSince } = newest ?? last;
  const seen = Math.max(last.seen, newest?.seen ?? 0);
  if (newest === undefined) return { agent, seen, acknowledged };
  return { agent, since: newest.since, seen, acknowledged, ...(behindSince !== undefined && { behindSince }) };
};
