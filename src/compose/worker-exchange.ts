import type { AgentPresence } from '../usecases/agent-presence.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { AgentExchange } from './agent-exchange.ts';
import type { FromFrontEnd } from './front-end-messages.ts';

/** A further front end's way to what all of them see, which the main thread gathers. */
export class WorkerExchange implements AgentExchange {
  readonly #say: (message: FromFrontEnd) => void;
  readonly #asked = new Map<number, (presence: readonly AgentPresence[]) => void>();
  #nextId = 1;

  constructor(say: (message: FromFrontEnd) => void) {
    this.#say = say;
  }

  readonly reader = {
    of: (agents: readonly SpiffeId[]) => this.#ask(agents),
    connected: () => this.#ask(undefined),
  };

  report(sightings: Parameters<AgentExchange['report']>[0]): void {
    this.#say({ kind: 'agents', sightings });
  }

  superseded(credential: Parameters<AgentExchange['superseded']>[0]): void {
    this.#say({ kind: 'superseded', credential });
  }

  /** The main thread answered. */
  answered(id: number, presence: readonly AgentPresence[]): void {
    this.#asked.get(id)?.(presence);
    this.#asked.delete(id);
  }

  #ask(agents: readonly SpiffeId[] | undefined): Promise<readonly AgentPresence[]> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<readonly AgentPresence[]>();
    this.#asked.set(id, resolve);
    this.#say({ kind: 'presence', id, ...(agents && { agents }) });
    return promise;
  }
}
