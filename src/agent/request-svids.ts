import { Refusal } from '../domain/refusal.ts';
import type { AgentServer, Answered, IssuedSvid } from '../ports/agent-server.ts';
import type { Delays } from '../ports/timers.ts';
import { newKeyAndCsr } from './held-svid.ts';
import type { Pace } from './pace.ts';

/** What became of one entry that an SVID was asked for. */
export type SvidOutcome =
  | { readonly issued: IssuedSvid; readonly key: Uint8Array; readonly csr: Uint8Array }
  /** A refusal code that stands in the item's place. */
  | { readonly refused: string }
  /** The server did not answer, or not now. */
  | { readonly failed: unknown };

export interface SvidRequestParts {
  readonly server: Pick<AgentServer, 'x509Svids'>;
  readonly pace: Pace;
  readonly delays: Delays;
  readonly settle: (entryId: string, outcome: SvidOutcome) => void;
}

/** DEC-21: of one call. */
const MAX_ITEMS = 100;
const MAX_CALLS = 2;

/** Codes that speak of the item. Of a call with one item they come as its error. */
const ITEM_CODES: readonly string[] = ['no_identity', 'revoked', 'forbidden', 'invalid_csr', 'unsupported_key'];

/**
 * Asks the server for X.509-SVIDs of entries, as many in one call as wait, each with a new key. Two calls are under way at most;
 * the pace says when the next one may be. Every entry that was added is settled once.
 */
export class SvidRequests {
  readonly #parts: SvidRequestParts;
  /** Those that nobody has an SVID for come first. */
  readonly #urgent = new Set<string>();
  readonly #waiting = new Set<string>();
  #calls = 0;
  #cancel: (() => void) | undefined;
  #isWoken = false;

  constructor(parts: SvidRequestParts) {
    this.#parts = parts;
  }

  add(entryId: string, isUrgent: boolean): void {
    (isUrgent ? this.#urgent : this.#waiting).add(entryId);
    if (this.#isWoken || this.#cancel) return;
    this.#isWoken = true;
    // All that become due in one go are asked for in one call.
    queueMicrotask(() => {
      this.#isWoken = false;
      this.#pump();
    });
  }

  /** Those that wait are asked for no more, and not settled. */
  clear(): void {
    this.#urgent.clear();
    this.#waiting.clear();
  }

  #pump(): void {
    while (this.#calls < MAX_CALLS) {
      const group = [...this.#urgent, ...this.#waiting].slice(0, MAX_ITEMS);
      if (group.length === 0) return;
      const wait = this.#parts.pace.take(group.length);
      if (wait > 0) {
        this.#cancel ??= this.#parts.delays.after(wait, () => {
          this.#cancel = undefined;
          this.#pump();
        });
        return;
      }
      for (const id of group) if (!this.#urgent.delete(id)) this.#waiting.delete(id);
      this.#calls += 1;
      void this.#call(group).finally(() => {
        this.#calls -= 1;
        this.#pump();
      });
    }
  }

  async #call(group: readonly string[]): Promise<void> {
    const { settle } = this.#parts;
    try {
      const made = await Promise.all(group.map(newKeyAndCsr));
      const answers = await this.#ask(
        group.map((entryId, at) => ({ entryId, csr: made[at]?.csr ?? new Uint8Array() })),
      );
      for (const [at, entryId] of group.entries()) {
        const answer = answers[at];
        const own = made[at];
        if (answer === undefined || own === undefined)
          settle(entryId, { failed: new Error('an item was not answered') });
        else if ('value' in answer) settle(entryId, { issued: answer.value, ...own });
        else settle(entryId, { refused: answer.refused.code });
      }
    } catch (failed) {
      if (failed instanceof Refusal && failed.retryAfter !== undefined) this.#parts.pace.pause(failed.retryAfter);
      for (const entryId of group) settle(entryId, { failed });
    }
  }

  async #ask(items: Parameters<AgentServer['x509Svids']>[0]): Promise<readonly Answered<IssuedSvid>[]> {
    try {
      return await this.#parts.server.x509Svids(items);
    } catch (error) {
      if (items.length > 1 || !(error instanceof Refusal) || !ITEM_CODES.includes(error.code)) throw error;
      return [{ refused: { code: error.code, detail: error.message } }];
    }
  }
}
