import { Refusal } from '../domain/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Append, Appended, KnownElsewhere, Ledger, WriteStop } from '../ports/ledger.ts';
import { SEED_BYTES } from './seeded-entropy.ts';
import type { Answer } from './sequencer.ts';

/** Groups that may wait in one front end; beyond it callers hear `busy` (TL-17). */
export const MAX_WAITING = 8192;

/** What a front end sends to the writer: facts to record, or the order to stop all writes. */
export type Group = Append | { readonly stop: KnownElsewhere };

/** All groups that wait in a front end, in one message. `groups` is JSON in UTF-8; its buffer is transferred. */
export interface AppendMessage {
  readonly kind: 'append';
  readonly now: number;
  readonly seed: Uint8Array;
  readonly groups: Uint8Array<ArrayBuffer>;
}

/** A front end's line to the writer. */
export interface WriterLink {
  send(message: AppendMessage): void;
  /** Answers come in the order of the groups, in one or more pieces. */
  onAnswers(listener: (answers: readonly Answer[]) => void): void;
  /** The writer is gone: it answers nothing more. */
  onGone(listener: () => void): void;
  /** Runs `work` after the event loop has handled the input that is there now. */
  defer(work: () => void): void;
}

interface Waiter {
  /** The group as JSON, written at once so that a fact that cannot be written fails its own caller. Empty once it was sent. */
  json: string;
  resolve(appended: Appended): void;
  reject(reason: Error): void;
}

const encoder = new TextEncoder();

/**
 * The front end's side of the ledger. All that waits is sent as one message as soon as the message before was answered. So
 * there is no timer, and batches grow with the load.
 */
export class LedgerPool implements Ledger, WriteStop {
  readonly #link: WriterLink;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  #waiting: Waiter[] = [];
  #sent: Waiter[] = [];
  #answered = 0;
  #gone = false;
  #scheduled = false;

  constructor(link: WriterLink, clock: Clock, entropy: Entropy) {
    this.#link = link;
    this.#clock = clock;
    this.#entropy = entropy;
    link.onAnswers((answers) => this.#settle(answers));
    link.onGone(() => this.#fail());
  }

  /** How many groups wait for an answer. */
  get waiting(): number {
    return this.#waiting.length + this.#sent.length - this.#answered;
  }

  append(append: Append): Promise<Appended> {
    if (this.#gone) return Promise.reject(outcomeUnknown());
    if (append.facts.length === 0) return Promise.reject(new RangeError('a group has at least one fact'));
    if (this.waiting >= MAX_WAITING) {
      const reason = `${MAX_WAITING} groups wait for the writer`;
      return Promise.reject(new Refusal('busy', 'too many requests wait for the ledger', { retryAfter: 1, reason }));
    }
    // A fact that cannot be written throws at once, as a promise all the same.
    return new Promise((resolve, reject) => this.#enqueue(append, resolve, reject));
  }

  async stopWrites(known: KnownElsewhere): Promise<never> {
    if (this.#gone) throw outcomeUnknown();
    const { status } = await new Promise<Appended>((resolve, reject) =>
      this.#enqueue({ stop: known }, resolve, reject),
    );
    throw new Error(`the writer goes on (${status}), though it was told to stop`);
  }

  #enqueue(group: Group, resolve: Waiter['resolve'], reject: Waiter['reject']): void {
    this.#waiting.push({ json: JSON.stringify(group), resolve, reject });
    this.#schedule();
  }

  /** Appends of all requests that the event loop takes in at once travel together. */
  #schedule(): void {
    if (this.#scheduled || this.#sent.length > 0) return;
    this.#scheduled = true;
    this.#link.defer(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#gone || this.#sent.length > 0 || this.#waiting.length === 0) return;
    this.#sent = this.#waiting;
    this.#waiting = [];
    this.#answered = 0;
    this.#link.send({
      kind: 'append',
      now: this.#clock.now(),
      seed: this.#entropy.bytes(SEED_BYTES),
      groups: encoder.encode(`[${this.#sent.map((waiter) => waiter.json).join(',')}]`),
    });
    // A text kept until the disk has answered would outlive the young generation, and be collected late.
    for (const waiter of this.#sent) waiter.json = '';
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const waiter = this.#sent[this.#answered];
      if (!waiter) throw new Error('the writer answered more than it was asked');
      this.#answered += 1;
      settle(waiter, answer);
    }
    if (this.#answered < this.#sent.length) return;
    this.#sent = [];
    this.#answered = 0;
    this.#send();
  }

  #fail(): void {
    this.#gone = true;
    const left = [...this.#sent.slice(this.#answered), ...this.#waiting];
    this.#sent = [];
    this.#answered = 0;
    this.#waiting = [];
    for (const waiter of left) waiter.reject(outcomeUnknown());
  }
}

/** The `Retry-After` of a read-only store, in seconds: an operator has to act before it can help to ask again. */
const READ_ONLY_RETRY = 30;

const settle = (waiter: Waiter, answer: Answer): void => {
  if (answer.status === 'failed') {
    waiter.reject(new Error(`the ledger cannot record this: ${answer.message}`));
  } else if (answer.status === 'read_only') {
    const { reason } = answer;
    waiter.reject(
      new Refusal('read_only', `nothing can be recorded: ${reason}`, { retryAfter: READ_ONLY_RETRY, reason }),
    );
  } else {
    waiter.resolve(answer);
  }
};

const outcomeUnknown = (): Error => new Error('the ledger stopped: whether the facts were recorded is unknown');
