// What this machine can do at best, measured alone: prints one line of JSON. Run on the server's core by `floors.ts`.
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const [milliseconds = '400', folder = ''] = process.argv.slice(2);

/** As long as a certificate to be signed, or the signing input of a token. */
const MESSAGE = Buffer.alloc(480, 7);
const BLOCK = Buffer.alloc(4096, 7);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signature = sign('sha256', MESSAGE, privateKey);

const check = (): void => {
  if (!verify('sha256', MESSAGE, publicKey, signature)) throw new Error('a signature does not verify');
};

const signAndVerify = (): void => {
  sign('sha256', MESSAGE, privateKey);
  check();
};

const verifySignVerify = (): void => {
  check();
  signAndVerify();
};

interface Speed {
  /** Calls a second. */
  readonly rate: number;
  /** CPU time of one call in microseconds: the same when other programs take a part of the core. */
  readonly cpu: number;
}

const speed = (forMs: number, work: () => void): Speed => {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let calls = 0;
  while (performance.now() - start < forMs) {
    for (let n = 0; n < 16; n += 1) work();
    calls += 16;
  }
  const { user, system } = process.cpuUsage(cpuStart);
  return { rate: (calls * 1000) / (performance.now() - start), cpu: (user + system) / calls };
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const medianSpeed = (speeds: readonly Speed[]): Speed => ({
  rate: median(speeds.map(({ rate }) => rate)),
  cpu: median(speeds.map(({ cpu }) => cpu)),
});

/** The two take turns, so that a machine that changes its speed changes both. */
const speeds = (forMs: number) => {
  speed(80, verifySignVerify);
  const slices = Array.from({ length: 4 }, () => ({
    vsv: speed(forMs / 8, verifySignVerify),
    sv: speed(forMs / 8, signAndVerify),
  }));
  return { vsv: medianSpeed(slices.map(({ vsv }) => vsv)), sv: medianSpeed(slices.map(({ sv }) => sv)) };
};

/** Milliseconds of appending 4 KiB and waiting until it is on the disk; the median. */
const fsyncTime = (inFolder: string, forMs: number): number => {
  const path = join(inFolder, 'floor.tmp');
  const file = openSync(path, 'w', 0o600);
  const times: number[] = [];
  try {
    for (const start = performance.now(); performance.now() - start < forMs || times.length < 8; ) {
      const before = performance.now();
      writeSync(file, BLOCK);
      fsyncSync(file);
      times.push(performance.now() - before);
    }
  } finally {
    closeSync(file);
    rmSync(path);
  }
  return median(times);
};

const result = { ...speeds(Number(milliseconds)), ...(folder !== '' && { fsync: fsyncTime(folder, 400) }) };
process.stdout.write(`${JSON.stringify(result)}\n`);
