import { Refusal } from '../domain/refusal.ts';
import { between } from './jitter.ts';
import { NO_ENTRY, ready } from './ready-state.ts';
import type { SessionParts } from './session-parts.ts';
import type { SharedState } from './shared-state.ts';
import type { WorkloadCaller } from './workload-caller.ts';
import type { WorkloadState } from './workload-session.ts';

/** A stream's caller is attested again this often, and within this time when its identities changed or it is in doubt. Milliseconds. */
const ATTESTED_EVERY: readonly [number, number] = [25_000, 30_000];
const ATTESTED_SOON: readonly [number, number] = [0, 5000];

/** Wakes one waiter; rings before it waits count as one. */
class Bell {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  async heard(): Promise<void> {
    await this.#rung.promise;
    this.#rung = Promise.withResolvers();
  }
}

const isEqual = (a: WorkloadState, b: WorkloadState): boolean =>
  a === b ||
  (a.bundle === b.bundle &&
    a.svids.length === b.svids.length &&
    a.svids.every((svid, at) => svid === b.svids[at]) &&
    a.federated.length === b.federated.length &&
    a.federated.every((bundle, at) => bundle === b.federated[at]));

/** One stream of states. */
class Watch {
  readonly #parts: SessionParts;
  readonly #caller: WorkloadCaller;
  readonly #operation: string;
  readonly #next: (state: WorkloadState) => void;
  readonly #bell = new Bell();
  #shared: SharedState | undefined;
  #identities = '';
  #last: WorkloadState | undefined;
  #unlisten: (() => void) | undefined;
  #cancelAttestation: (() => void) | undefined;
  #isAttestationDue = false;
  #isRevoked = false;

  constructor(parts: SessionParts, caller: WorkloadCaller, operation: string, next: (state: WorkloadState) => void) {
    this.#parts = parts;
    this.#caller = caller;
    this.#operation = operation;
    this.#next = next;
  }

  async run(signal: AbortSignal): Promise<never> {
    const ring = (): void => this.#bell.ring();
    // Two listeners rather than `AbortSignal.any`, which costs more than all the rest of a call that fetches once.
    const stops = [signal, this.#caller.closed];
    for (const stop of stops) stop.addEventListener('abort', ring);
    const unsilence = this.#parts.whenSilenced((why) => {
      this.#isRevoked ||= why === 'revoked';
      ring();
    });
    try {
      signal.throwIfAborted();
      this.#parts.lastWord.check();
      const selectors = await this.#caller.selectors(this.#operation);
      this.#parts.lastWord.check();
      await this.#follow(selectors);
      for (;;) {
        await this.#bell.heard();
        this.#check(signal);
        if (this.#isAttestationDue) await this.#attest();
        this.#check(signal);
        this.#tell();
      }
    } finally {
      for (const stop of stops) stop.removeEventListener('abort', ring);
      unsilence();
      this.#unlisten?.();
      this.#cancelAttestation?.();
    }
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    // Everything that the stream was sent is void (DEC-36).
    if (this.#isRevoked) throw this.#caller.denied({ operation: this.#operation, reason: 'the agent was revoked' });
    this.#parts.lastWord.check();
    this.#caller.checkSame(this.#operation);
  }

  /** Follows the state of callers with these selectors from now on. */
  #listenTo(selectors: readonly string[]): SharedState {
    const shared = this.#parts.states.of(selectors);
    const unlisten = shared.listen(() => this.#bell.ring());
    this.#unlisten?.();
    this.#unlisten = unlisten;
    this.#shared = shared;
    return shared;
  }

  /** Sends the first state as soon as there is one, and follows it from then on. */
  async #follow(selectors: readonly string[]): Promise<void> {
    const shared = this.#listenTo(selectors);
    const state = await ready(this.#parts, this.#caller, shared, this.#operation);
    this.#caller.checkSame(this.#operation);
    this.#send(state);
    this.#identities = idsOf(shared);
    this.#attestLater(ATTESTED_EVERY);
  }

  #tell(): void {
    const told = this.#shared?.told;
    if (told?.kind === 'none') throw this.#caller.denied({ operation: this.#operation, reason: NO_ENTRY });
    if (told?.kind !== 'state') return;
    this.#send(told.state);
    const identities = this.#shared ? idsOf(this.#shared) : '';
    if (identities === this.#identities) return;
    this.#identities = identities;
    this.#attestLater(ATTESTED_SOON);
  }

  #send(state: WorkloadState): void {
    if (this.#last && isEqual(this.#last, state)) return;
    this.#last = state;
    this.#next(state);
  }

  #attestLater([low, high]: readonly [number, number]): void {
    const { delays, entropy } = this.#parts;
    this.#cancelAttestation?.();
    this.#cancelAttestation = delays.after(between(entropy, low, high), () => {
      this.#isAttestationDue = true;
      this.#bell.ring();
    });
  }

  async #attest(): Promise<void> {
    this.#isAttestationDue = false;
    try {
      const selectors = await this.#caller.attest(this.#operation);
      // Not awaited: meanwhile the stream has to hear of revocations.
      if (selectors.join('\n') !== this.#shared?.selectors.join('\n')) this.#listenTo(selectors);
    } catch (error) {
      // Not to be able to attest now is no reason to take away what was proven, while the process is the same.
      if (!(error instanceof Refusal) || error.code !== 'unavailable') throw error;
      this.#attestLater(ATTESTED_SOON);
      return;
    }
    this.#attestLater(this.#caller.isDoubted ? ATTESTED_SOON : ATTESTED_EVERY);
  }
}

const idsOf = ({ identities }: SharedState): string => identities.map(({ id }) => id).join('\n');

/**
 * Calls `next` with the caller's state at once and after every change, until the signal aborts or the caller has none any more.
 * Before each call the process is checked; every half a minute, and soon after its identities changed, it is attested anew.
 */
export const watchState = (
  parts: SessionParts,
  caller: WorkloadCaller,
  operation: string,
  next: (state: WorkloadState) => void,
  signal: AbortSignal,
): Promise<never> => new Watch(parts, caller, operation, next).run(signal);
