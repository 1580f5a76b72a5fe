import { join } from 'node:path';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import type { FrontEndLedger } from '../../../src/adapters/sqlite/open-ledger.ts';
import type { Fact } from '../../../src/domain/fact.ts';
import { prepare } from '../prepare.ts';
import { atLeast, type Bar, told } from './bars.ts';
import { groundOf, recorded, withLedger } from './fill.ts';
import { Fleet } from './fleet.ts';

/** Groups of one fact each that wait for the writer at once. */
const WAITING = [1, 16, 256, 1024];
const LEAST = 20_000;

const ENTRIES = 2000;
const PER_ENTRY = 1000;
const GROUP = 256;
const HOUR_MS = 3600 * 1000;

/** More facts than the writer takes in a second: made beforehand, so that making them takes no part in the rate. */
const PREMADE = 40_000;

/** Keeps `waiting` appends at the writer until `facts` are recorded; facts a second. */
const rateOf = async (opened: FrontEndLedger, facts: readonly Fact[], waiting: number): Promise<number> => {
  let next = 0;
  const began = performance.now();
  const feed = async (): Promise<void> => {
    for (let fact = facts[next++]; fact; fact = facts[next++]) await recorded(opened, [fact]);
  };
  await Promise.all(Array.from({ length: waiting }, feed));
  return facts.length / ((performance.now() - began) / 1000);
};

/**
 * Where the one writer would stop further front ends (DEC-1): issuance facts of 2,000 entries, admitted, hashed and made
 * durable, one append each, with so many waiting at a time. Nothing is signed.
 */
export const measureWriter = async (
  folder: string,
  durationMs: number,
  progress: (line: string) => void,
): Promise<readonly Bar[]> => {
  const dataDir = join(folder, 'writer');
  const prepared = await prepare(dataDir);
  return withLedger(prepared, dataDir, systemClock, async (opened) => {
    const plan = { entries: ENTRIES, credentialsPerEntry: PER_ENTRY, from: systemClock.now() - HOUR_MS, span: HOUR_MS };
    const fleet = new Fleet(plan, groundOf(prepared, opened));
    const before = fleet.size - ENTRIES * PER_ENTRY;
    for (let at = 0; at < before; at += GROUP) {
      await recorded(
        opened,
        Array.from({ length: Math.min(GROUP, before - at) }, (_, n) => fleet.fact(at + n)),
      );
    }
    let at = before;
    const take = (count: number): Fact[] => Array.from({ length: count }, () => fleet.fact(at++));
    const bars: Bar[] = [];
    for (const waiting of WAITING) {
      progress(`writer, ${waiting} waiting`);
      await rateOf(opened, take(PREMADE / 10), waiting);
      // As many as take about the time that was asked for.
      const sample = await rateOf(opened, take(PREMADE / 10), waiting);
      const rate = await rateOf(opened, take(Math.min(PREMADE, Math.ceil((sample * durationMs) / 1000))), waiting);
      const what = `facts a second with ${waiting} waiting`;
      bars.push(waiting === WAITING.at(-1) ? atLeast(what, rate, '/s', LEAST) : told(what, rate, '/s'));
    }
    return bars;
  });
};
