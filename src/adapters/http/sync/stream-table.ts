import type { SpiffeId } from '../../../domain/spiffe-id.ts';
import type { Recipients } from '../../../usecases/agent-revocations.ts';
import type { AgentStream } from './agent-stream.ts';

/** The open streams of a front end, indexed by agent and by agent group. */
export class StreamTable {
  readonly #all = new Set<AgentStream>();
  readonly #byAgent = new Map<SpiffeId, AgentStream[]>();
  readonly #byGroup = new Map<SpiffeId, Set<AgentStream>>();
  /** The timer visits one slot per tick, so that its work is spread over a heartbeat. */
  readonly #slots: readonly Set<AgentStream>[];
  #next = 0;

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => new Set());
  }

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<AgentStream> {
    return this.#all;
  }

  inSlot(at: number): Iterable<AgentStream> {
    return this.#slots[at % this.#slots.length] ?? [];
  }

  /** The streams of one agent, the oldest first. */
  of(agent: SpiffeId): readonly AgentStream[] {
    return this.#byAgent.get(agent) ?? [];
  }

  /** The streams that get the entries under one parent. */
  *under(parent: SpiffeId): Iterable<AgentStream> {
    yield* this.#byAgent.get(parent) ?? [];
    yield* this.#byGroup.get(parent) ?? [];
  }

  /** The streams that get a revocation; some may come twice. */
  *among(recipients: Recipients): Iterable<AgentStream> {
    if (recipients === 'everyone') {
      yield* this.#all;
      return;
    }
    for (const agent of recipients.agents) yield* this.of(agent);
    for (const parent of recipients.parents) yield* this.under(parent);
  }

  get hasGroups(): boolean {
    return this.#byGroup.size > 0;
  }

  add(stream: AgentStream): void {
    this.#all.add(stream);
    this.#slots[this.#next]?.add(stream);
    this.#next = (this.#next + 1) % this.#slots.length;
    const held = this.#byAgent.get(stream.agent);
    if (held) held.push(stream);
    else this.#byAgent.set(stream.agent, [stream]);
    this.#join(stream);
  }

  remove(stream: AgentStream): void {
    if (!this.#all.delete(stream)) return;
    for (const slot of this.#slots) if (slot.delete(stream)) break;
    const left = this.of(stream.agent).filter((each) => each !== stream);
    if (left.length > 0) this.#byAgent.set(stream.agent, left);
    else this.#byAgent.delete(stream.agent);
    this.#leave(stream);
  }

  regroup(stream: AgentStream, groups: readonly SpiffeId[]): void {
    if (!this.#all.has(stream)) return;
    this.#leave(stream);
    stream.groups = groups;
    this.#join(stream);
  }

  #join(stream: AgentStream): void {
    for (const group of stream.groups) {
      const members = this.#byGroup.get(group) ?? new Set();
      this.#byGroup.set(group, members.add(stream));
    }
  }

  #leave(stream: AgentStream): void {
    for (const group of stream.groups) {
      const members = this.#byGroup.get(group);
      members?.delete(stream);
      if (members?.size === 0) this.#byGroup.delete(group);
    }
  }
}
