import { readFileSync } from 'node:fs';
import { residentMiB } from '../memory.ts';

const EVERY_MS = 500;
/** Clock ticks of /proc in a second. */
const TICKS = 100;

export interface ServerSample {
  /** Unix milliseconds. */
  readonly at: number;
  readonly pid: number;
  /** CPU seconds of the process so far. */
  readonly cpu: number;
  readonly residentMiB: number;
  /** Requests answered so far, and of them turned away with 503 or 429. */
  readonly requests: number;
  readonly turnedAway: number;
  readonly connections: number;
}

/** CPU seconds that a process has used; 0 for one that is gone. */
const cpuSeconds = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
};

const sum = (text: string, line: RegExp): number =>
  [...text.matchAll(line)].reduce((total, [, value]) => total + Number(value), 0);

/** What the server itself says, twice a second, for as long as it is there. */
export class ServerWatch {
  readonly samples: ServerSample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(metrics: string, pid: () => number) {
    this.#timer = setInterval(() => void this.#look(metrics, pid()).catch(() => undefined), EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #look(metrics: string, pid: number): Promise<void> {
    const answer = await fetch(metrics, { signal: AbortSignal.timeout(10 * EVERY_MS) });
    const text = await answer.text();
    this.samples.push({
      at: Date.now(),
      pid,
      cpu: cpuSeconds(pid),
      residentMiB: residentMiB(pid),
      requests: sum(text, /^mayfly_http_requests_total\{[^}]*listener="api"[^}]*\} (\d+)/gm),
      turnedAway: sum(text, /^mayfly_http_requests_total\{[^}]*status="(?:503|429)"[^}]*\} (\d+)/gm),
      connections: sum(text, /^mayfly_http_connections\{listener="api"\} (\d+)/gm),
    });
  }
}
