import type { InForce } from './in-force.ts';
import { SvidSlot } from './svid-slot.ts';
import type { SyncedView } from './synced-view.ts';

export interface SvidSlotsParts {
  readonly view: Pick<SyncedView, 'entries'>;
  readonly inForce: Pick<InForce, 'entry' | 'gives'>;
  /** How many entries get a slot before anyone asks for it. When there are more, those used last are kept. */
  readonly maxHeld: number;
}

/** Which entries have a slot for their SVID: who is let in, and who has to go for want of room. */
export class SvidSlots {
  readonly #parts: SvidSlotsParts;
  /** In order of use, the latest last. */
  readonly #slots = new Map<string, SvidSlot>();

  constructor(parts: SvidSlotsParts) {
    this.#parts = parts;
  }

  get(id: string): SvidSlot | undefined {
    return this.#slots.get(id);
  }

  all(): readonly SvidSlot[] {
    return [...this.#slots.values()];
  }

  /** Somebody wants the SVID of this entry. Gives the slot if there was none before, and the entry gets one. */
  use(id: string): SvidSlot | undefined {
    const slot = this.#slots.get(id);
    if (slot === undefined) return this.#parts.inForce.entry(id) ? this.add(id) : undefined;
    this.#slots.delete(id);
    this.#slots.set(id, slot);
    return undefined;
  }

  /** An empty slot, for an entry that has none. */
  add(id: string): SvidSlot {
    const slot = new SvidSlot(id);
    this.#slots.set(id, slot);
    return slot;
  }

  delete(id: string): void {
    this.#slots.delete(id);
  }

  clear(): void {
    this.#slots.clear();
  }

  /** Lets in entries that nobody asked for yet, one at each step, as far as there is room at that step. */
  *fill(): Generator<SvidSlot, void, undefined> {
    const { view, inForce, maxHeld } = this.#parts;
    if (this.#slots.size >= maxHeld) return;
    for (const entry of view.entries.all()) {
      if (this.#slots.size >= maxHeld) return;
      if (!this.#slots.has(entry.id) && inForce.gives(entry)) yield this.add(entry.id);
    }
  }

  /** Those for which there is no room, those used longest ago first; they are to be deleted as they come. */
  *surplus(): Generator<SvidSlot, void, undefined> {
    for (const slot of this.#slots.values()) {
      if (this.#slots.size <= this.#parts.maxHeld) return;
      if (!slot.isPinned && !slot.isAsked) yield slot;
    }
  }
}
