import { systemClock } from '../adapters/system/clock.ts';
import type { Output } from './output.ts';

const EVERY_MS = 1000;

/** Tells on stderr how far long work is, once a second at most. */
export const progressOf = (what: string, output: Output): ((done: number, total: number) => void) => {
  let told = systemClock.monotonic();
  return (done, total) => {
    const now = systemClock.monotonic();
    if (now - told < EVERY_MS || total === 0) return;
    told = now;
    output.note(`${what}: ${Math.floor((done / total) * 100)} %`);
  };
};
