import type { Instant } from './instant.ts';
import type { RecordId } from './record-id.ts';
import { isPathPrefix } from './spiffe-id.ts';
import type { SpiffeId } from './spiffe-id.ts';

export const TARGET_KINDS = ['identity', 'prefix', 'agent', 'entry', 'credential'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

/** What a revocation hits. `value` is a SPIFFE ID (identity, prefix, agent), an entry id, or a serial or `jti`. */
export interface RevocationTarget {
  readonly kind: TargetKind;
  readonly value: string;
}

/**
 * DEC-6. *cutoff*: everything issued below the index is dead, for good. *block*: nothing is issued until released.
 * *hold*: what is issued is suspended, and nothing is issued, until released. *lock*: renewal stopped, a clone was seen (DEC-12).
 */
export type Predicate = 'cutoff' | 'block' | 'hold' | 'lock';

export interface Revocation {
  readonly id: RecordId;
  readonly target: RevocationTarget;
  readonly predicates: readonly Predicate[];
  /** Its place in the ledger. */
  readonly index: number;
  readonly at: Instant;
  /** The operator's word for why, for example `key_compromise`. */
  readonly reason: string;
}

/** What revocations are asked about: one credential, issued or about to be. */
export interface RevocationSubject {
  readonly spiffeId: SpiffeId;
  readonly credential?: string;
  readonly entry?: string;
  /** The agent that it came through. */
  readonly agent?: SpiffeId;
}

/**
 * All revocations in force, in memory, answering in a handful of look-ups however many there are (P9).
 * The writer keeps one for admission; each front end keeps one that follows the ledger.
 */
export class RevocationIndex {
  readonly #byTarget = new Map<string, Revocation[]>();
  readonly #byId = new Map<RecordId, Revocation>();
  #prefixes = 0;

  add(revocation: Revocation): void {
    const key = `${revocation.target.kind} ${revocation.target.value}`;
    const held = this.#byTarget.get(key);
    if (held) held.push(revocation);
    else this.#byTarget.set(key, [revocation]);
    this.#byId.set(revocation.id, revocation);
    if (revocation.target.kind === 'prefix') this.#prefixes += 1;
  }

  /** Takes back what can be taken back: a cutoff is final and stays (DEC-6). */
  release(id: RecordId): void {
    const revocation = this.#byId.get(id);
    if (!revocation) return;
    this.#forget(revocation);
    if (revocation.predicates.includes('cutoff')) this.add({ ...revocation, predicates: ['cutoff'] });
  }

  /** Forgets it whole, cutoff and all: for one that hits nothing any more, or that was never recorded. */
  remove(id: RecordId): void {
    const revocation = this.#byId.get(id);
    if (revocation) this.#forget(revocation);
  }

  get(id: RecordId): Revocation | undefined {
    return this.#byId.get(id);
  }

  all(): readonly Revocation[] {
    return [...this.#byId.values()];
  }

  /** How many are in force. */
  get size(): number {
    return this.#byId.size;
  }

  /** All that hit `subject`, whatever they do to it. */
  hitting(subject: RevocationSubject): readonly Revocation[] {
    if (this.#byTarget.size === 0) return [];
    return [...this.#keys(subject)].flatMap((key) => this.#byTarget.get(key) ?? []);
  }

  /** Why nothing may be issued for `subject` now, if so. */
  barring(subject: RevocationSubject): Revocation | undefined {
    return this.#find(subject, (r) => r.predicates.includes('block') || r.predicates.includes('hold'));
  }

  /** Why a credential issued at ledger index `issuedAt` is not good now, if so. */
  killing(subject: RevocationSubject, issuedAt: number): Revocation | undefined {
    return this.#find(
      subject,
      (r) => r.predicates.includes('hold') || (r.predicates.includes('cutoff') && issuedAt < r.index),
    );
  }

  /** Why renewal of this identity has stopped, if it has. */
  locking(spiffeId: SpiffeId): Revocation | undefined {
    return this.#find({ spiffeId }, (r) => r.predicates.includes('lock'));
  }

  #forget(revocation: Revocation): void {
    const key = `${revocation.target.kind} ${revocation.target.value}`;
    const left = (this.#byTarget.get(key) ?? []).filter((held) => held.id !== revocation.id);
    if (left.length > 0) this.#byTarget.set(key, left);
    else this.#byTarget.delete(key);
    this.#byId.delete(revocation.id);
    if (revocation.target.kind === 'prefix') this.#prefixes -= 1;
  }

  #find(subject: RevocationSubject, hits: (r: Revocation) => boolean): Revocation | undefined {
    if (this.#byTarget.size === 0) return undefined;
    for (const key of this.#keys(subject)) {
      const hit = this.#byTarget.get(key)?.find(hits);
      if (hit) return hit;
    }
    return undefined;
  }

  *#keys(subject: RevocationSubject): Generator<string> {
    yield `identity ${subject.spiffeId}`;
    yield `agent ${subject.spiffeId}`;
    if (subject.agent !== undefined) yield `agent ${subject.agent}`;
    if (subject.entry !== undefined) yield `entry ${subject.entry}`;
    if (subject.credential !== undefined) yield `credential ${subject.credential}`;
    if (this.#prefixes > 0) for (const prefix of prefixesOf(subject.spiffeId)) yield `prefix ${prefix}`;
  }
}

/** The ID itself and each shorter run of whole segments, down to the trust domain. */
function* prefixesOf(id: SpiffeId): Generator<string> {
  const authorityEnd = id.indexOf('/', 'spiffe://'.length);
  if (authorityEnd < 0) {
    yield id;
    return;
  }
  for (let end = id.length; end >= authorityEnd; end = id.lastIndexOf('/', end - 1)) yield id.slice(0, end);
}

/** Does `target` hit `subject`? For counting what a revocation would hit, before it is made. */
export const hits = ({ kind, value }: RevocationTarget, subject: RevocationSubject): boolean => {
  if (kind === 'prefix') return isPathPrefix(value as SpiffeId, subject.spiffeId);
  if (kind === 'agent') return subject.agent === value || subject.spiffeId === value;
  return subject[kind === 'identity' ? 'spiffeId' : kind] === value;
};
