import type { Readiness } from '../adapters/http/routes/probes.ts';
import type { Clock } from '../ports/clock.ts';

/** What a thread knows of the server's health; main tells the others (DEC-34). */
export interface HealthReport {
  readonly reasons: readonly string[];
  /** What the operator has to do in time. */
  readonly warnings?: readonly string[];
  /** Monotonic milliseconds at which the probe last passed; the same clock in every thread. */
  readonly probedAt?: number;
}

export class Health {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #report: HealthReport = { reasons: ['starting'] };

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get report(): HealthReport {
    return this.#report;
  }

  tell(report: HealthReport): void {
    this.#report = report;
  }

  readiness(): Readiness {
    const { reasons, warnings = [], probedAt } = this.#report;
    const told = { reasons, ...(warnings.length > 0 && { warnings }) };
    if (probedAt === undefined) return told;
    return { ...told, probeAge: Math.round((this.#clock.monotonic() - probedAt) / 100) / 10 };
  }
}
