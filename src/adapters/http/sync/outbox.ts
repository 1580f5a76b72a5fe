import type { AgentStream } from './agent-stream.ts';

/** The lines that a batch of changes comes to for each stream, until they are sent. */
export class Outbox {
  readonly #lines = new Map<AgentStream, Buffer[]>();

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  add(streams: Iterable<AgentStream>, lines: readonly Buffer[]): void {
    for (const stream of streams) {
      const held = this.#lines.get(stream);
      // Not router into arguments: there may be more of them than a call takes.
      if (held) for (const line of lines) held.push(line);
      else this.#lines.set(stream, [...lines]);
    }
  }

  /** Drops a stream's lines: it was sent a newer snapshot meanwhile, or is closed. */
  forget(stream: AgentStream): void {
    this.#lines.delete(stream);
  }

  /** Sends everything, to `most` streams in a turn of the event loop. A stream that is forgotten meanwhile gets nothing. */
  async drain(
    most: number,
    standAside: () => Promise<void>,
    send: (stream: AgentStream, lines: Buffer[]) => void,
  ): Promise<void> {
    let sent = 0;
    for (const [stream, lines] of this.#lines) {
      this.#lines.delete(stream);
      send(stream, lines);
      sent += 1;
      if (sent % most === 0) await standAside();
    }
  }
}
