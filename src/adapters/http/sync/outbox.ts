import type { AgentStream } from './agent-stream.ts';

/** What is to be said to whom after a change, in order for each. */
export class Outbox {
  readonly #lines = new Map<AgentStream, Buffer[]>();

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  add(streams: Iterable<AgentStream>, lines: readonly Buffer[]): void {
    for (const stream of streams) {
      const held = this.#lines.get(stream);
      // Not spread into arguments: there may be more of them than a call takes.
      if (held) for (const line of lines) held.push(line);
      else this.#lines.set(stream, [...lines]);
    }
  }

  /** It was told everything meanwhile: what is older must not follow. */
  forget(stream: AgentStream): void {
    this.#lines.delete(stream);
  }

  /** Hands over everything, some at a time, so that others come in between; a stream that was forgotten meanwhile gets nothing. */
  async empty(most: number, standAside: () => Promise<void>, say: (stream: AgentStream, lines: Buffer[]) => void) {
    let said = 0;
    for (const [stream, lines] of this.#lines) {
      this.#lines.delete(stream);
      say(stream, lines);
      said += 1;
      if (said % most === 0) await standAside();
    }
  }
}
