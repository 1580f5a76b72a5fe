import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePem, type PemLabel } from '../../../src/formats/pem.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-openssl-'));
let passed = 0;
let failed = 0;

/** Counts a check; `problem` says what is wrong with it. */
export const report = (name: string, problem: string | undefined): void => {
  if (problem === undefined) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${name}: ${problem}`);
  }
};

/** Writes a file into the folder of this run, and gives its path. */
export const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

/** Runs OpenSSL in the folder of this run; gives what it said when it failed. */
export const openssl = (...args: string[]): string | undefined => {
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  return status === 0 ? undefined : `${stdout}${stderr}`.trim();
};

/** The first block of a PEM file that OpenSSL wrote. */
export const firstBlock = (name: string, label: PemLabel): Buffer => {
  const [der = Buffer.alloc(0)] = parsePem(readFileSync(join(folder, name), 'utf8'), label);
  return der;
};

export const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** Removes what was written and prints the sum. */
export const finish = (): void => {
  rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
};
