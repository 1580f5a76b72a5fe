import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onCore } from './cores.ts';

const run = promisify(execFile);

/** How fast something can be done: calls a second, and CPU microseconds of one call. */
export interface Speed {
  readonly rate: number;
  readonly cpu: number;
}

/** What the machine did at best at one moment. */
export interface Floor {
  /** P-256 verify, sign, verify with warm keys: what an X.509-SVID for a CSR costs at the very least. */
  readonly vsv: Speed;
  /** P-256 sign, verify: the same for a token. */
  readonly sv: Speed;
  /** Milliseconds of writing 4 KiB and fsync; only where it was asked for. */
  readonly fsync?: number;
}

const FLOOR = fileURLToPath(new URL('./floor.ts', import.meta.url));
const FLOOR_MS = 480;

/** Measures on the server's core, which must be idle. With `folder` also how fast its disk is. */
export const measureFloor = async (folder?: string): Promise<Floor> => {
  const command = [process.execPath, FLOOR, String(FLOOR_MS), ...(folder === undefined ? [] : [folder])];
  const [program, args] = onCore('server', command);
  const { stdout } = await run(program, args, { timeout: 30_000 });
  return JSON.parse(stdout) as Floor;
};

/** A run between floors that lie further apart says little: the machine changed its speed. */
const MAX_DRIFT = 0.15;

export const isSteady = (before: number, after: number): boolean =>
  Math.abs(before - after) <= MAX_DRIFT * Math.max(before, after);
