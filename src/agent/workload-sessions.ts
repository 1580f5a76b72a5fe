import { checkAudiences } from '../domain/jwt-profile.ts';
import { Refusal } from '../domain/refusal.ts';
import { parseSpiffeId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { WorkloadProcess } from '../ports/workload-attestor.ts';
import { NO_ENTRY, ready } from './ready-state.ts';
import type { SessionParts } from './session-parts.ts';
import type { SharedState } from './shared-state.ts';
import { validateToken } from './validate-token.ts';
import { watchState } from './watch-state.ts';
import { WorkloadCaller } from './workload-caller.ts';
import type {
  ValidatedToken,
  WorkloadSession,
  WorkloadSessions,
  WorkloadState,
  WorkloadToken,
} from './workload-session.ts';

const X509 = 'workload x509-svid';
const JWT = 'workload jwt-svid';
const VALIDATION = 'workload validate-jwt';

class Session implements WorkloadSession {
  readonly #parts: SessionParts;
  readonly #caller: WorkloadCaller;

  constructor(parts: SessionParts, process: WorkloadProcess) {
    this.#parts = parts;
    this.#caller = new WorkloadCaller(parts, process);
  }

  async state(): Promise<WorkloadState> {
    const shared = await this.#shared(X509);
    const state = await ready(this.#parts, this.#caller, shared, X509);
    this.#caller.checkSame(X509);
    return state;
  }

  async watch(next: (state: WorkloadState) => void, signal: AbortSignal): Promise<never> {
    return watchState(this.#parts, this.#caller, X509, next, signal);
  }

  async jwtSvids(audience: readonly string[], spiffeId: string | undefined): Promise<readonly WorkloadToken[]> {
    const audiences = checkAudiences([...new Set(audience)]);
    const wanted = spiffeId === undefined ? undefined : parseSpiffeId(spiffeId, { field: 'spiffeId' });
    const shared = await this.#shared(JWT);
    const entries = this.#entriesFor(shared, wanted);
    const tokens = await this.#tokensOf(entries, audiences);
    this.#caller.checkSame(JWT);
    return tokens;
  }

  async validateJwt(audience: string, token: string): Promise<ValidatedToken> {
    const { states, view, clock } = this.#parts;
    const shared = await this.#shared(VALIDATION);
    if (shared.identities.length === 0) throw this.#nothing(VALIDATION);
    const own = states.ownBundle();
    if (own === undefined) throw new Refusal('unavailable', 'the agent has no bundle yet', { retryAfter: 1 });
    const federated = states.federatedOf(shared.identities);
    this.#caller.checkSame(VALIDATION);
    return validateToken({ audience, token, now: clock.now(), own, federated, revocations: view.revocations });
  }

  close(): void {
    this.#caller.close();
  }

  /** The state that the caller shares with others like it. */
  async #shared(operation: string): Promise<SharedState> {
    this.#parts.lastWord.check();
    const selectors = await this.#caller.selectors(operation);
    this.#parts.lastWord.check();
    return this.#parts.states.of(selectors);
  }

  #nothing(operation: string, spiffeId?: SpiffeId): Refusal {
    const reason = spiffeId === undefined ? NO_ENTRY : 'no entry gives the caller the SPIFFE ID asked for';
    return this.#caller.denied({ operation, reason, ...(spiffeId !== undefined && { spiffeId }) });
  }

  #entriesFor(shared: SharedState, wanted: SpiffeId | undefined): readonly SyncEntry[] {
    const entries = shared.identities.filter(({ id }) => this.#parts.inForce.entry(id) !== undefined);
    const chosen = wanted === undefined ? entries : entries.filter(({ spiffeId }) => spiffeId === wanted);
    if (chosen.length === 0) throw this.#nothing(JWT, wanted);
    return chosen;
  }

  /** What the server refuses for one identity is left out while another gets its own. */
  async #tokensOf(entries: readonly SyncEntry[], audiences: readonly string[]): Promise<readonly WorkloadToken[]> {
    const { tokens, lastWord, inForce } = this.#parts;
    const outcomes = await Promise.allSettled(entries.map((entry) => tokens.token(entry, audiences)));
    lastWord.check();
    const refused: unknown[] = [];
    const found: WorkloadToken[] = [];
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') {
        refused.push(outcome.reason);
        continue;
      }
      const { spiffeId, token } = outcome.value;
      const hint = entries[at]?.hint;
      if (inForce.isAlive(outcome.value)) found.push({ spiffeId, token, ...(hint !== undefined && { hint }) });
    }
    const graver = refused.find((reason) => !(reason instanceof Refusal && reason.code === 'no_identity'));
    if (graver !== undefined) throw graver;
    if (found.length > 0) return found;
    throw refused[0] ?? this.#nothing(JWT);
  }
}

/** Serves the callers of the agent's socket from what the agent holds. */
export const workloadSessions = (parts: SessionParts): WorkloadSessions => ({
  open: (descriptor) => new Session(parts, parts.hold(descriptor)),
});
