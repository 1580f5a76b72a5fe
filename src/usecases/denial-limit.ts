import type { Denied, DenialsAggregated } from '../domain/fact.ts';
import { type Instant, instant } from '../domain/instant.ts';
import { sourceKey } from '../formats/ip-address.ts';

interface Tally {
  windowStart: Instant;
  recorded: number;
  /** Denials above the rate, by operation and reason. */
  readonly over: Map<
    string,
    Pick<DenialsAggregated, 'id' | 'operation' | 'reason' | 'first'> & { count: number; last: Instant }
  >;
}

/** How many denials of one source get a fact of their own in a minute. */
const RECORDED_PER_MINUTE = 60;
const WINDOW_MS = 60_000;
/** How many sources are told apart; what comes from any other is counted together. */
const SOURCES = 10_000;
/** How many reasons are told apart for one source: callers choose the text of some, so there may be any number. */
const REASONS = 16;

/** A clock that was set back ends the window too, which would otherwise last until the clock has caught up. */
const isOver = ({ windowStart }: Tally, now: Instant): boolean => Math.abs(now - windowStart) >= WINDOW_MS;

/** The reason under which a denial is counted: its own while there is room, else its code. */
const reasonIn = (over: Tally['over'], { operation, reason, code }: Denied): string =>
  over.size < REASONS || over.has(`${operation} ${reason}`) ? reason : `${code}, for several reasons`;

/** Decides which denials are recorded one by one and which together (DEC-5), so that a flood cannot fill the log. */
export class DenialLimit {
  readonly #bySource = new Map<string, Tally>();

  /** Whether to record it on its own; if not, it has been counted. */
  admit(denial: Denied, now: Instant): boolean {
    const source = sourceKey(denial.source ?? 'unknown');
    const tally = this.#bySource.get(source) ?? this.#start(source, now);
    if (isOver(tally, now)) {
      tally.windowStart = now;
      tally.recorded = 0;
    }
    if (tally.recorded < RECORDED_PER_MINUTE) {
      tally.recorded += 1;
      return true;
    }
    const { id, operation } = denial;
    const reason = reasonIn(tally.over, denial);
    const key = `${operation} ${reason}`;
    const held = tally.over.get(key);
    if (held) {
      held.count += 1;
      held.last = now;
    } else {
      tally.over.set(key, { id, operation, reason, count: 1, first: now, last: now });
    }
    return false;
  }

  /** Returns what was counted since the last call, and forgets sources that have gone quiet. */
  drain(now: Instant): readonly DenialsAggregated[] {
    const facts: DenialsAggregated[] = [];
    for (const [source, tally] of this.#bySource) {
      for (const counted of tally.over.values()) facts.push({ kind: 'denials-aggregated', ...counted, source });
      tally.over.clear();
      if (isOver(tally, now)) this.#bySource.delete(source);
    }
    return facts;
  }

  /** Takes back what could not be recorded, for the next `drain`. */
  putBack(facts: readonly DenialsAggregated[], now: Instant): void {
    for (const { kind: _kind, source, ...counted } of facts) {
      const { over } = this.#bySource.get(source) ?? this.#start(source, now);
      const isRoom = over.size < REASONS || over.has(`${counted.operation} ${counted.reason}`);
      const reason = isRoom ? counted.reason : 'several reasons';
      const key = `${counted.operation} ${reason}`;
      const since = over.get(key);
      const count = counted.count + (since?.count ?? 0);
      const first = Math.min(counted.first, since?.first ?? counted.first);
      const last = Math.max(counted.last, since?.last ?? counted.last);
      over.set(key, { ...counted, reason, count, first: instant(first), last: instant(last) });
    }
  }

  #start(source: string, now: Instant): Tally {
    const known = this.#bySource.size >= SOURCES ? 'many sources' : source;
    const tally = this.#bySource.get(known) ?? { windowStart: now, recorded: 0, over: new Map() };
    this.#bySource.set(known, tally);
    return tally;
  }
}
