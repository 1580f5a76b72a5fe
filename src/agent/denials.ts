import { hash } from 'node:crypto';
import { newRecordId, type RecordId } from '../domain/record-id.ts';
import { MAX_SELECTORS } from '../domain/selector.ts';
import type { SyncDenial, SyncDenials } from '../formats/sync-message.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import { FairMap } from './fair-map.ts';

export interface DenialsParts {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly entropy: Entropy;
  readonly delays: Delays;
  readonly logger: Logger;
  /** Tells the server; false when there is no connection, or no room on it. */
  readonly say: (message: SyncDenials) => boolean;
}

/** Milliseconds in which the same denial keeps its id, so that a caller that comes again and again is one record. */
const SAME_FOR_MS = 60_000;
const MAX_WAITING = 1000;
const MAX_REMEMBERED = 4096;
/** What the server takes in one line, with room to spare for what stands around it. */
const MAX_LINE_DENIALS = 64;
const MAX_LINE_BYTES = 48 * 1024;
const MAX_DENIAL_BYTES = 16 * 1024;
/** Denials that come close together are told together. Milliseconds. */
const TOLD_AFTER_MS = 100;
/** Those that were lost are told of in the log this often at most. Milliseconds. */
const LOG_EVERY_MS = 60_000;

/**
 * Callers that got nothing, for `mayfly explain` (P7): each has an id that the caller is told, and waits here until the server has
 * it on record. When too many wait, the oldest of the user who has the most of them are lost: callers must neither fill the agent's
 * memory nor push out the denials of others.
 */
export class Denials {
  readonly #parts: DenialsParts;
  readonly #waiting = new FairMap<SyncDenial>(MAX_WAITING);
  /** On this connection. */
  readonly #told = new Set<string>();
  #cancel: (() => void) | undefined;
  readonly #remembered = new FairMap<{ readonly id: RecordId; readonly until: number }>(MAX_REMEMBERED);
  #dropped = 0;
  #droppedInLog = 0;
  #loggedAt = -Infinity;

  constructor(parts: DenialsParts) {
    this.#parts = parts;
  }

  /** How many the server does not have on record yet, as far as is known. */
  get size(): number {
    return this.#waiting.size;
  }

  /** How many were lost for want of room before the server had them on record, as far as is known. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A new connection: what was told on the last one and is not on record is told again. */
  tellAgain(): void {
    this.#told.clear();
  }

  /** Tells the server of those that it was not told of, oldest first, in as many lines as it takes. */
  tell(): void {
    this.stop();
    for (const denials of linesOf([...this.#waiting.values()].filter(({ id }) => !this.#told.has(id)))) {
      if (!this.#parts.say({ type: 'denials', denials })) return;
      for (const { id } of denials) this.#told.add(id);
    }
  }

  /** No timer is left. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Notes a denial of a caller that runs as this user, and gives its id. */
  note(uid: number, denial: Omit<SyncDenial, 'id'>): RecordId {
    const { clock, entropy } = this.#parts;
    const { operation, reason, selectors, spiffeId } = denial;
    // Not the text itself: a container with many labels would fill the memory by asking for one name after the other.
    const key = hash('sha256', JSON.stringify([uid, operation, reason, selectors, spiffeId]), 'base64');
    const known = this.#remembered.get(key);
    if (known && known.until > clock.monotonic()) return known.id;
    const id = newRecordId(clock.now(), entropy);
    this.#remembered.set(key, uid, { id, until: clock.monotonic() + SAME_FOR_MS });
    const lost = this.#waiting.set(id, uid, { id, ...denial, selectors: telling(selectors) });
    if (lost !== undefined) this.#drop(lost);
    this.#cancel ??= this.#parts.delays.after(TOLD_AFTER_MS, () => this.tell());
    return id;
  }

  /** The server has them. */
  recorded(ids: readonly string[]): void {
    for (const id of ids) {
      this.#waiting.delete(id);
      this.#told.delete(id);
    }
  }

  #drop(id: string): void {
    const now = this.#parts.clock.monotonic();
    this.#told.delete(id);
    this.#dropped += 1;
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#loggedAt = now;
    const dropped = this.#dropped - this.#droppedInLog;
    this.#droppedInLog = this.#dropped;
    this.#parts.logger.warn('denials were lost before the server had them: too many wait', { dropped });
  }
}

/** Denials in groups that the server takes in one line each. */
const linesOf = (denials: readonly SyncDenial[]): readonly (readonly SyncDenial[])[] => {
  const lines: SyncDenial[][] = [];
  let bytes = Infinity;
  for (const denial of denials) {
    const size = sizeOf(denial);
    const line = lines.at(-1);
    if (line === undefined || bytes + size > MAX_LINE_BYTES || line.length >= MAX_LINE_DENIALS) {
      lines.push([denial]);
      bytes = size;
    } else {
      line.push(denial);
      bytes += size;
    }
  }
  return lines;
};

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** `type:key`, as in `unix:uid`. */
const kindOf = (selector: string): string => selector.split(':', 2).join(':');

/** As many selectors as one record holds: some of each kind, before many of one. */
const telling = (selectors: readonly string[]): readonly string[] => {
  const ranks = new Map<string, number>();
  const ranked = selectors.map((selector) => {
    const rank = ranks.get(kindOf(selector)) ?? 0;
    ranks.set(kindOf(selector), rank + 1);
    return { selector, rank };
  });
  const told: string[] = [];
  let bytes = 0;
  for (const { selector } of ranked.sort((a, b) => a.rank - b.rank)) {
    bytes += sizeOf(selector);
    if (told.length >= MAX_SELECTORS || bytes > MAX_DENIAL_BYTES) break;
    told.push(selector);
  }
  return told.sort();
};
