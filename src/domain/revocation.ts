import type { Instant } from './instant.ts';
import type { RecordId } from './record-id.ts';
import { isPathPrefix, prefixesOf, type SpiffeId } from './spiffe-id.ts';

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
  /** The index of its fact in the ledger: a cutoff kills what was issued below it. */
  readonly index: number;
  readonly at: Instant;
  /** Why, in the operator's words, for example `key_compromise`. */
  readonly reason: string;
}

/** Whom or what a revocation may hit: one credential, issued or about to be, and what it rests on. */
export interface RevocationSubject {
  readonly spiffeId: SpiffeId;
  readonly credential?: string;
  readonly entry?: string;
  /** The agent through which it was issued. */
  readonly agent?: SpiffeId;
}

/** What revocations are asked about, for a credential that is on record or about to be. */
export const revocationSubject = (
  of: Omit<RevocationSubject, 'credential'> & { readonly id: string },
): RevocationSubject => ({
  spiffeId: of.spiffeId,
  credential: of.id,
  ...(of.entry !== undefined && { entry: of.entry }),
  ...(of.agent !== undefined && { agent: of.agent }),
});

const keyOf = ({ kind, value }: RevocationTarget): string => `${kind} ${value}`;

/**
 * All revocations in force, in memory, answering in a handful of look-ups however many there are (P9).
 * The writer keeps one for admission; each front end keeps one that follows the ledger.
 */
export class RevocationIndex {
  readonly #byTarget = new Map<string, Revocation[]>();
  readonly #byId = new Map<RecordId, Revocation>();
  #prefixes = 0;

  add(revocation: Revocation): void {
    const key = keyOf(revocation.target);
    const held = this.#byTarget.get(key);
    if (held) held.push(revocation);
    else this.#byTarget.set(key, [revocation]);
    this.#byId.set(revocation.id, revocation);
    if (revocation.target.kind === 'prefix') this.#prefixes += 1;
  }

  /** Ends its block, hold or lock. A cutoff is final and stays (DEC-6). */
  release(id: RecordId): void {
    const revocation = this.#byId.get(id);
    if (!revocation) return;
    this.#forget(revocation);
    if (revocation.predicates.includes('cutoff')) this.add({ ...revocation, predicates: ['cutoff'] });
  }

  /** Drops it altogether, its cutoff too: for one that hits nothing any more, or whose fact was never recorded. */
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

  /** Every revocation that hits `subject`, whatever its predicates. */
  hitting(subject: RevocationSubject): readonly Revocation[] {
    if (this.#byTarget.size === 0) return [];
    return [...this.#keys(subject)].flatMap((key) => this.#byTarget.get(key) ?? []);
  }

  /** The revocation because of which nothing may be issued for `subject` now, if there is one. */
  barring(subject: RevocationSubject): Revocation | undefined {
    return this.#find(subject, (r) => r.predicates.includes('block') || r.predicates.includes('hold'));
  }

  /** The revocation that makes a credential issued at ledger index `issuedAt` invalid now, if there is one. */
  killing(subject: RevocationSubject, issuedAt: number): Revocation | undefined {
    return this.#find(
      subject,
      (r) => r.predicates.includes('hold') || (r.predicates.includes('cutoff') && issuedAt < r.index),
    );
  }

  /** The revocation that stops renewal of this identity, if there is one. */
  locking(spiffeId: SpiffeId): Revocation | undefined {
    return this.#find({ spiffeId }, (r) => r.predicates.includes('lock'));
  }

  #forget(revocation: Revocation): void {
    const key = keyOf(revocation.target);
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
    const { spiffeId, agent, entry, credential } = subject;
    yield keyOf({ kind: 'identity', value: spiffeId });
    yield keyOf({ kind: 'agent', value: spiffeId });
    if (agent !== undefined) yield keyOf({ kind: 'agent', value: agent });
    if (entry !== undefined) yield keyOf({ kind: 'entry', value: entry });
    if (credential !== undefined) yield keyOf({ kind: 'credential', value: credential });
    if (this.#prefixes > 0) for (const prefix of prefixesOf(spiffeId)) yield keyOf({ kind: 'prefix', value: prefix });
  }
}

/** Whether a revocation of `target` would hit `subject`, before it is made. */
export const hits = ({ kind, value }: RevocationTarget, subject: RevocationSubject): boolean => {
  if (kind === 'prefix') return isPathPrefix(value as SpiffeId, subject.spiffeId);
  if (kind === 'agent') return subject.agent === value || subject.spiffeId === value;
  return subject[kind === 'identity' ? 'spiffeId' : kind] === value;
};
