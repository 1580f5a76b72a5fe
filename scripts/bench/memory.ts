import { readFileSync } from 'node:fs';

const MIB = 1024 * 1024;

/** Resident memory of a process in MiB; 0 where there is no /proc. */
export const residentMiB = (pid: number): number => {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return (Number(line?.[1] ?? 0) * 1024) / MIB;
  } catch {
    return 0;
  }
};

/** MiB. */
export interface Resident {
  readonly start: number;
  /** Of the first half of the time. */
  readonly earlyPeak: number;
  readonly peak: number;
  readonly end: number;
}

const EVERY_MS = 100;

/** Looks at the memory of a process while `work` goes on. */
export const watchMemory = async <T>(pid: number, work: () => Promise<T>): Promise<[T, Resident]> => {
  const start = residentMiB(pid);
  const seen = [start];
  const timer = setInterval(() => seen.push(residentMiB(pid)), EVERY_MS);
  try {
    const result = await work();
    const end = residentMiB(pid);
    seen.push(end);
    const early = seen.slice(0, Math.ceil(seen.length / 2));
    return [result, { start, earlyPeak: Math.max(...early), peak: Math.max(...seen), end }];
  } finally {
    clearInterval(timer);
  }
};
