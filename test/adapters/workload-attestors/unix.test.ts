import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { unixAttestor, type UnixAttestorOptions } from '../../../src/adapters/workload-attestors/unix.ts';
import type { WorkloadProcess } from '../../../src/ports/workload-attestor.ts';
import { fileOf, heldProcess, running } from '../../support/workload-processes.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mayfly-unix-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const passwd = join(folder, 'passwd');
const group = join(folder, 'group');
writeFileSync(passwd, 'web:x:1000:1000::/:\n');
writeFileSync(group, 'www:x:1000:\nlogs:x:4:web\n');

const waits = new AbortController().signal;
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** What the attestor says of a process. */
const attesting = (
  options: Partial<UnixAttestorOptions> = {},
): ((held: WorkloadProcess, unfinished?: () => void) => Promise<readonly string[]>) => {
  const attestor = unixAttestor({
    clock: systemClock,
    delays: systemTimers,
    wanted: () => true,
    passwd,
    group,
    ...options,
  });
  return (held, unfinished) => attestor.attest(held, waits, unfinished);
};

/** A program of its own that runs. */
const program = async (name: string) => {
  const path = join(folder, name);
  copyFileSync('/bin/sleep', path);
  return { path, ...(await running(path, '60')) };
};

const programFacts = (selectors: readonly string[]): readonly string[] =>
  selectors.filter((selector) => /^unix:(?:path|sha256):/.test(selector));

describe('who', () => {
  test('user and groups of the connection, with their names', async () => {
    const attest = attesting({ wanted: () => false });
    expect(await attest(heldProcess({ uid: 1000, gid: 1000, groups: [4, 5] }))).toEqual([
      'unix:uid:1000',
      'unix:user:web',
      'unix:gid:1000',
      'unix:group:www',
      'unix:supplementary_gid:4',
      'unix:supplementary_group:logs',
      'unix:supplementary_gid:5',
    ]);
  });

  test('those without a name have their number', async () => {
    const attest = attesting({ wanted: () => false });
    expect(await attest(heldProcess({ uid: 4_294_967_294, gid: 7 }))).toEqual(['unix:uid:4294967294', 'unix:gid:7']);
  });

  test('a name service that is broken is not taken for one without accounts', async () => {
    const attest = attesting({ passwd: folder });
    await expect(attest(heldProcess())).rejects.toThrow('EISDIR');
  });
});

describe('what', () => {
  test('path and hash of the program', async () => {
    const sleeper = await program('sleeper');
    const selectors = await attesting()(sleeper.held());
    expect(programFacts(selectors)).toEqual([`unix:path:${sleeper.path}`, `unix:sha256:${sha256(sleeper.path)}`]);
    await sleeper.end();
  });

  test('are looked up only where an entry wants them', async () => {
    const selectors = (prefix: string) => attesting({ wanted: (it) => it === prefix })(heldProcess());
    expect(programFacts(await selectors('none'))).toEqual([]);
    expect(programFacts(await selectors('unix:path:'))).toEqual([`unix:path:${realpathSync('/proc/self/exe')}`]);
  });

  test('are looked up once for a process', async () => {
    const sleeper = await program('once');
    const held = sleeper.held();
    const attest = attesting();
    const first = programFacts(await attest(held));
    expect(first).toHaveLength(2);
    await sleeper.end();
    expect(programFacts(await attest(held))).toEqual(first);
  });

  test('but nothing is kept that was read of a process which changed meanwhile', async () => {
    const sleeper = await program('changes');
    const held = sleeper.held({ isSame: () => false });
    const attest = attesting();
    await attest(held);
    await sleeper.end();
    await expect(attest(held)).rejects.toThrow('ENOENT');
  });

  test('a program that was deleted has a hash and no path', async () => {
    const sleeper = await program('deleted');
    const hash = sha256(sleeper.path);
    rmSync(sleeper.path);
    expect(programFacts(await attesting()(sleeper.held()))).toEqual([`unix:sha256:${hash}`]);
    await sleeper.end();
  });

  test('nor has one whose path leads to another program by now', async () => {
    const sleeper = await program('replaced');
    const hash = sha256(sleeper.path);
    writeFileSync(`${sleeper.path}-new`, 'another');
    renameSync(`${sleeper.path}-new`, sleeper.path);
    writeFileSync(`${sleeper.path} (deleted)`, 'a third');
    expect(programFacts(await attesting()(sleeper.held()))).toEqual([`unix:sha256:${hash}`]);
    await sleeper.end();
  });

  test('another program than the one that the process is held with has neither', async () => {
    const sleeper = await program('other');
    expect(programFacts(await attesting()(sleeper.held({ program: fileOf(passwd) })))).toEqual([]);
    await sleeper.end();
  });

  test('where the agent may not look, there is neither, and the rest stands', async () => {
    const { program: _hidden, ...held } = heldProcess();
    expect(await attesting()(held)).toEqual(['unix:uid:1000', 'unix:user:web', 'unix:gid:1000', 'unix:group:www']);
  });

  test('a program that is too long has no hash', async () => {
    const sleeper = await program('long');
    const attest = attesting({ maxProgramBytes: 1000 });
    expect(programFacts(await attest(sleeper.held()))).toEqual([`unix:path:${sleeper.path}`]);
    await sleeper.end();
  });

  test('a hash that takes too long is missing, and does not take user and groups along', async () => {
    const late = { after: (_ms: number, work: () => void) => (setImmediate(work), () => undefined) };
    const attest = attesting({ delays: late, wanted: (prefix) => prefix === 'unix:sha256:' });
    let unfinished = 0;
    const selectors = await attest(heldProcess(), () => {
      unfinished += 1;
    });
    expect(selectors).toContain('unix:uid:1000');
    expect([programFacts(selectors), unfinished]).toEqual([[], 1]);
  });

  test('a program that was rewritten in place is read anew', async () => {
    const attest = attesting({ wanted: (prefix) => prefix === 'unix:sha256:' });
    const first = await program('rewritten');
    const [before] = programFacts(await attest(first.held()));
    await first.end();
    writeFileSync(first.path, Buffer.concat([readFileSync('/bin/sleep'), Buffer.from('!')]));
    utimesSync(first.path, 1, 1);
    const second = await running(first.path, '60');
    const [after] = programFacts(await attest(second.held()));
    expect([before, after]).toEqual([`unix:sha256:${sha256('/bin/sleep')}`, `unix:sha256:${sha256(first.path)}`]);
    await second.end();
  });
});
