import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { ProgramDigests } from '../../../src/adapters/workload-attestors/program-digest.ts';
import { running } from '../../support/workload-processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-digest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MEGABYTE = 1024 * 1024;
const never = new AbortController().signal;
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
/** To whom files of now are old. */
const LATER = { now: () => (systemClock.now() + 3_600_000) as ReturnType<typeof systemClock.now> };

/** A program that runs, with so much behind it that nothing reads but a hash. */
const program = async (name: string, megabytes: number) => {
  const path = join(folder, name);
  copyFileSync('/bin/sleep', path);
  if (megabytes > 0) truncateSync(path, megabytes * MEGABYTE);
  else appendFileSync(path, name);
  return { path, ...(await running(path, '60')) };
};

test('a user with large programs does not keep others waiting', async () => {
  const digests = new ProgramDigests({ clock: systemClock, maxBytes: 512 * MEGABYTE });
  const large = await Promise.all([program('large-1', 48), program('large-2', 48)]);
  const small = await program('small', 0);
  const order: string[] = [];
  const digest = async (of: typeof small, uid: number): Promise<string | undefined> => {
    const found = await digests.of(of.held({ uid }), never);
    order.push(of.path);
    return found;
  };
  const found = await Promise.all([...large.map((each) => digest(each, 1000)), digest(small, 1001)]);
  expect(found).toEqual([...large, small].map(({ path }) => sha256(path)));
  expect(order[0]).toBe(small.path);
  for (const each of [...large, small]) await each.end();
});

test('one program of many users has one digest for all of them', async () => {
  const digests = new ProgramDigests({ clock: LATER, maxBytes: 512 * MEGABYTE });
  const { path, held, end } = await program('shared', 1);
  const found = await Promise.all(Array.from({ length: 20 }, (_, uid) => digests.of(held({ uid }), never)));
  expect(new Set(found)).toEqual(new Set([sha256(path)]));
  expect(await digests.of(held({ uid: 1 }), never)).toBe(sha256(path));
  await end();
});

test('files that are read side by side are not mixed up', async () => {
  const digests = new ProgramDigests({ clock: LATER, maxBytes: 512 * MEGABYTE });
  const programs = await Promise.all(Array.from({ length: 6 }, (_, at) => program(`mixed-${at}`, at)));
  const found = await Promise.all(programs.map(({ held }, uid) => digests.of(held({ uid }), never)));
  expect(found).toEqual(programs.map(({ path }) => sha256(path)));
  for (const { end } of programs) await end();
});

test('who does not wait any more costs nothing', async () => {
  const digests = new ProgramDigests({ clock: systemClock, maxBytes: 512 * MEGABYTE });
  const { held, end } = await program('left', 1);
  await expect(digests.of(held(), AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  expect(await digests.of(held(), never)).toMatch(/^[0-9a-f]{64}$/);
  await end();
});
