import type { Denied, DenialsAggregated } from '../domain/fact.ts';
import { type Instant, instant } from '../domain/instant.ts';
import { newRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { sourceKey } from '../formats/ip-address.ts';
import type { Issuer } from './issuer.ts';

/** What a denial is about, as far as it was known when the answer was no. */
export type DenialSubject = Omit<Denied, 'kind' | 'id' | 'code' | 'reason'>;

type Recorder = Pick<Issuer, 'clock' | 'entropy' | 'ledger' | 'denials'>;

/** Characters of what a caller asked for that a denial remembers. */
const MAX_ASKED = 512;

/** As much of a caller's text as a denial remembers. The cut may halve a surrogate pair, and halves cannot be recorded. */
export const askedText = (text: string): string => text.slice(0, MAX_ASKED).toWellFormed();

/** The `denied` fact for a refusal. */
export const denialOf = (
  issuer: Pick<Issuer, 'clock' | 'entropy'>,
  subject: DenialSubject,
  refusal: Pick<Refusal, 'code' | 'reason' | 'message'>,
): Denied => ({
  ...subject,
  kind: 'denied',
  id: newRecordId(issuer.clock.now(), issuer.entropy),
  code: refusal.code,
  reason: refusal.reason ?? refusal.message,
});

/** The same refusal, naming the decision on record; `reason` and `detail` stay as they are. */
export const withDecision = (refusal: Refusal, decisionId: string): Refusal =>
  new Refusal(refusal.code, refusal.message, {
    decisionId,
    ...(refusal.reason !== undefined && { reason: refusal.reason }),
    ...(refusal.retryAfter !== undefined && { retryAfter: refusal.retryAfter }),
    ...(refusal.field !== undefined && { field: refusal.field }),
    ...(refusal.problems.length > 0 && { problems: refusal.problems }),
  });

/**
 * Puts a refusal on record, then gives it back with its decision id, to be thrown (P1, DEC-5). Above the source's rate it
 * is only counted, to be recorded together with others by `flushDenials`; then it has no decision id.
 */
export const recordDenial = async (issuer: Recorder, subject: DenialSubject, refusal: Refusal): Promise<Refusal> => {
  const denial = denialOf(issuer, subject, refusal);
  if (!issuer.denials.admit(denial, issuer.clock.now())) return refusal;
  await issuer.ledger.append({ facts: [denial] });
  return withDecision(refusal, denial.id);
};

interface Tally {
  windowStart: Instant;
  recorded: number;
  /** Denials over the rate, by operation and reason. */
  readonly over: Map<
    string,
    Pick<DenialsAggregated, 'id' | 'operation' | 'reason' | 'first'> & { count: number; last: Instant }
  >;
}

/** How many denials of one source get a fact of their own in a minute. */
const RECORDED_PER_MINUTE = 60;
const WINDOW_MS = 60_000;
/** Sources remembered at once; what comes from others is counted together. */
const SOURCES = 10_000;
/** Reasons told apart for one source; callers can choose what stands in some, and as many as they like. */
const REASONS = 16;

/** A clock that was set back ends a window too, or it would last until the clock has caught up. */
const isOver = ({ windowStart }: Tally, now: Instant): boolean => Math.abs(now - windowStart) >= WINDOW_MS;

/** Under what a denial is counted: its own reason while there is room, else its code. */
const reasonIn = (over: Tally['over'], { operation, reason, code }: Denied): string =>
  over.size < REASONS || over.has(`${operation} ${reason}`) ? reason : `${code}, for several reasons`;

/** Decides which denials are recorded one by one and which together (DEC-5), so that a flood cannot fill the log. */
export class DenialLimit {
  readonly #bySource = new Map<string, Tally>();

  /** True: record it on its own. False: it was counted. */
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

  /** Hands over what was counted since the last call, and forgets sources that have gone quiet. */
  drain(now: Instant): readonly DenialsAggregated[] {
    const facts: DenialsAggregated[] = [];
    for (const [source, tally] of this.#bySource) {
      for (const counted of tally.over.values()) facts.push({ kind: 'denials-aggregated', ...counted, source });
      tally.over.clear();
      if (isOver(tally, now)) this.#bySource.delete(source);
    }
    return facts;
  }

  /** Takes back what could not be recorded, to be handed over with the next `drain`. */
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

/**
 * Records what `DenialLimit` counted. Runs in the background and once more at shutdown. When the ledger takes no write, it
 * throws as the ledger did, and nothing that was counted is lost.
 */
export const flushDenials = async (issuer: Recorder): Promise<void> => {
  const facts = issuer.denials.drain(issuer.clock.now());
  for (const [at, fact] of facts.entries()) {
    try {
      await issuer.ledger.append({ facts: [fact] });
    } catch (error) {
      issuer.denials.putBack(facts.slice(at), issuer.clock.now());
      throw error;
    }
  }
};
