import { setTimeout as pause } from 'node:timers/promises';
import { HeldFile } from './held.ts';
import { type Life, Lives, Stopped } from './lives.ts';

/** An entry that workloads get credentials for. */
export interface KnownEntry {
  readonly id: string;
  readonly spiffeId: string;
  readonly parentId: string;
  /** Somebody has begun to revoke it, so a refusal is no surprise. */
  condemned: boolean;
}

export const RESOURCE = 'https://orders.example.org';

/** Between two operations of a client, so that the machine has time for the server. */
const THINK_MS = 4;
const LOOK_MS = 20;

const GRANT = { resource: RESOURCE, scopes: ['read'], defaultScopes: ['read'], bearer: true };

/** What all clients of a run share. */
export class Population {
  readonly lives = new Lives();
  readonly held: HeldFile;
  readonly entries: KnownEntry[] = [];
  /** Operations that were answered, by name. */
  readonly answered: Record<string, number> = {};
  readonly #clients: { rounds: number }[] = [];
  #names = 0;

  constructor(heldFile: string) {
    this.held = new HeldFile(heldFile);
  }

  begin(life: Life): void {
    this.lives.begin(life);
  }

  name(prefix: string): string {
    this.#names += 1;
    return `${prefix}-${this.#names}`;
  }

  count(operation: string): void {
    this.answered[operation] = (this.answered[operation] ?? 0) + 1;
  }

  /** A client that did nothing wrong heard no. */
  trouble(what: string): void {
    this.held.add({ held: 'trouble', what });
  }

  /** A new entry with a grant; under the server for agentless workloads. */
  async entry(id: string, parentId: string | undefined): Promise<KnownEntry> {
    const spiffeId = `spiffe://example.org/${id}`;
    const body = { id, spiffeId, selectors: ['test:1'], grants: [GRANT], ...(parentId !== undefined && { parentId }) };
    const { status } = await this.lives.administer('POST', '/v1/admin/entries', body);
    // A lost answer: then it is there already.
    if (status !== 201 && status !== 200 && status !== 409) this.trouble(`entry ${id}: ${status}`);
    this.held.add({ held: 'entry', id });
    this.count('entry');
    return { id, spiffeId, parentId: parentId ?? '', condemned: false };
  }

  async resource(): Promise<void> {
    const body = { identifier: RESOURCE, scopes: [{ name: 'read' }], bindings: ['mtls', 'bearer'] };
    await this.lives.administer('POST', '/v1/admin/resources', body);
  }

  /** How many clients do not end a round that they begin from now on, within this time. */
  async stuckAfter(ms: number): Promise<number> {
    const before = this.#clients.map((client) => ({ client, rounds: client.rounds }));
    const stuck = () => before.filter(({ client, rounds }) => client.rounds < rounds + 2).length;
    for (let left = ms; left > 0 && stuck() > 0; left -= LOOK_MS) await pause(LOOK_MS);
    return stuck();
  }

  /** Repeats a client's rounds until the run is over. */
  async live(round: () => Promise<void>): Promise<void> {
    const client = { rounds: 0 };
    this.#clients.push(client);
    try {
      for (;;) {
        await round();
        client.rounds += 1;
        await pause(THINK_MS);
      }
    } catch (error) {
      if (!(error instanceof Stopped)) this.trouble(`a client gave up: ${(error as Error).stack ?? ''}`);
    }
  }
}
