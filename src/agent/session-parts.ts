import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Delays } from '../ports/timers.ts';
import type { WorkloadProcess } from '../ports/workload-attestor.ts';
import type { CallerStates } from './caller-states.ts';
import type { FreshTokens } from './fresh-tokens.ts';
import type { InForce } from './in-force.ts';
import type { LastWord } from './last-word.ts';
import type { SyncedView } from './synced-view.ts';
import type { WorkloadCallerParts } from './workload-caller.ts';

/** What sessions of workloads work with. */
export interface SessionParts extends WorkloadCallerParts {
  /** Holds the process at the other end of an accepted socket; throws when the kernel does not tell who is there. */
  readonly hold: (descriptor: number) => WorkloadProcess;
  readonly view: SyncedView;
  readonly inForce: InForce;
  readonly states: CallerStates;
  readonly tokens: FreshTokens;
  readonly lastWord: LastWord;
  readonly clock: Clock;
  readonly delays: Delays;
  /** Has `end` called when the agent may not serve any more, with why; the function returned takes that back. */
  readonly whenSilenced: (end: (why: 'away' | 'revoked') => void) => () => void;
  readonly entropy: Entropy;
}
