import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from '../../src/adapters/sqlite/open-ledger.ts';
import type { LedgerOptions, OpenLedger } from '../../src/adapters/sqlite/open-ledger.ts';
import type { Instant } from '../../src/domain/instant.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Ledger, WriteStop } from '../../src/ports/ledger.ts';
import type { Views } from '../../src/ports/views.ts';

/** A clock that stands still until told. */
export interface TestClock extends Clock {
  set(ms: number): void;
  advance(ms: number): void;
  /** Somebody sets the wall clock, by so much; no time passes. */
  step(ms: number): void;
}

export const testClock = (start = Date.UTC(2026, 10, 22, 12)): TestClock => {
  let now = start;
  let stepped = 0;
  return {
    now: () => (now + stepped) as Instant,
    monotonic: () => now,
    set: (ms) => {
      now = ms;
    },
    advance: (ms) => {
      now += ms;
    },
    step: (ms) => {
      stepped += ms;
    },
  };
};

export const testEntropy: Entropy = { bytes: (count) => new Uint8Array(randomBytes(count)) };

export interface TestLedger {
  readonly ledger: Ledger & WriteStop;
  readonly views: Views;
  readonly clock: TestClock;
  readonly entropy: Entropy;
  readonly dataDir: string;
  readonly open: OpenLedger;
  /** Why the writer died, if it did. */
  readonly fatal: () => Error | undefined;
  /** Closes the store and, unless told to keep it, removes the folder. */
  close(options?: { keep?: boolean }): Promise<void>;
}

/** A real writer thread over real SQLite in a temporary folder. Close it, or the test's process hangs. */
export const openTestLedger = async (
  options: Partial<LedgerOptions> & { clock?: TestClock } = {},
): Promise<TestLedger> => {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'mayfly-ledger-'));
  const clock = options.clock ?? testClock();
  const entropy = options.entropy ?? testEntropy;
  let fatal: Error | undefined;
  const open = await openLedger({
    trustDomain: 'example.org',
    onFatal: (error) => {
      fatal = error;
    },
    ...options,
    dataDir,
    clock,
    entropy,
  });
  const frontEnd = open.connect();
  return {
    ledger: frontEnd.ledger,
    views: frontEnd.views,
    clock,
    entropy,
    dataDir,
    open,
    fatal: () => fatal,
    close: async ({ keep = false } = {}) => {
      frontEnd.close();
      try {
        await open.close();
      } finally {
        if (!keep) rmSync(dataDir, { recursive: true, force: true });
      }
    },
  };
};
