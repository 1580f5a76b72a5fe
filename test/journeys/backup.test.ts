import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { acceptRestore } from '../../src/compose/accept-restore.ts';
import { type Backup, backupStore } from '../../src/compose/backup-store.ts';
import { type Restored, restoreBackup } from '../../src/compose/restore-backup.ts';
import { type Held, type Journey, readLedger, recordedFacts } from '../support/journey.ts';
import { greet, type Head, headOf, renew, RestoreWorld } from '../support/restore-world.ts';

/** DEC-10: a backup of a running server comes back on another machine, after its server went on and was lost. */
const world = new RestoreWorld();
let server: Journey;
let agent: Held;
let backup: Backup;
let newest: Head;
const told: number[] = [];

/** Attests as fast as it can until it is told to stop. */
const issueUntil = async (signal: { stop: boolean }): Promise<number> => {
  let issued = 0;
  for (; !signal.stop; issued += 1) await server.attest({ entry: 'web' });
  return issued;
};

beforeAll(async () => {
  server = await world.start();
  await server.entry('web');
  agent = await server.attest({ agent: true });
  for (let first = 0; first < 5; first += 1) await server.attest({ entry: 'web' });
  const signal = { stop: false };
  const issuing = issueUntil(signal);
  const onProgress = (done: number, total: number): void => void told.push(done / total);
  backup = await backupStore({ config: world.config('data'), file: world.at('mayfly.backup'), onProgress });
  signal.stop = true;
  await issuing;
  await server.attest({ entry: 'web' });
  newest = headOf(await greet(server, agent));
});

afterAll(() => world.end());

const restore = (to: string, more: { file?: string; sealKey?: string } = {}): Promise<Restored> => {
  const { file = backup.file, ...server } = more;
  return restoreBackup({ config: world.config(to, server), file });
};

const emptyFolder = (name: string): string => {
  mkdirSync(world.at(name), { mode: 0o700 });
  return name;
};

describe('a backup', () => {
  test('is of one moment, while the server went on', () => {
    const { head, root } = readLedger(server.dataDir, ({ log }) => ({
      head: log.head(),
      root: log.rootAt(backup.size),
    }));
    expect(backup).toMatchObject({ trustDomain: 'example.org', logId: head.logId, epoch: 1, root });
    expect(backup.size).toBeLessThan(head.size);
  });

  test('is for its owner alone, and leaves nothing else behind', () => {
    const stat = statSync(backup.file);
    expect([stat.mode & 0o777, stat.size]).toEqual([0o600, backup.length]);
    expect(readdirSync(world.root)).not.toContain('mayfly.backup.part');
    expect(readdirSync(server.dataDir).filter((name) => name.startsWith('snapshot'))).toEqual([]);
    expect(told.at(-1)).toBe(1);
    expect(told.toSorted((a, b) => a - b)).toEqual(told);
  });

  test('says which log it is of in its first line, and nothing more in clear', () => {
    const bytes = readFileSync(backup.file);
    expect(bytes.subarray(0, bytes.indexOf(0x0a)).toString()).toContain('"version":"mayfly-backup-1"');
    for (const word of ['SQLite format', 'spiffe://example.org', 'CREATE TABLE'])
      expect(bytes.includes(word)).toBe(false);
  });

  test('overwrites nothing', async () => {
    const before = readFileSync(backup.file);
    const again = backupStore({ config: world.config('data'), file: backup.file });
    await expect(again).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('already') });
    expect(readFileSync(backup.file).equals(before)).toBe(true);
  });

  test.each([
    ['a folder that is not there', 'none/b', 'its folder does not exist'],
    ['a folder in the place of its own', 'data', 'already'],
  ])('does not go into %s', async (_what, file, reason) => {
    await expect(backupStore({ config: world.config('data'), file: world.at(file) })).rejects.toThrow(reason);
    expect(readdirSync(server.dataDir).filter((name) => name.startsWith('snapshot'))).toEqual([]);
  });

  test('does not run twice at once', async () => {
    writeFileSync(world.at('data/snapshot.db'), '');
    const second = backupStore({ config: world.config('data'), file: world.at('second') });
    await expect(second).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('snapshot.db is there'),
    });
    expect(readdirSync(world.root)).not.toContain('second');
  });

  test('of another trust domain than the configured one is refused', async () => {
    const config = { ...world.config('data'), trustDomain: 'example.com' as never };
    const backing = backupStore({ config, file: world.at('x') });
    await expect(backing).rejects.toThrow('the store belongs to trust domain example.org, not example.com');
  });

  test('of a folder without a store is refused', async () => {
    const config = world.config(emptyFolder('nothing'));
    await expect(backupStore({ config, file: world.at('x') })).rejects.toThrow('nothing to back up');
  });
});

/** The same file with one change. */
const spoiled = (name: string, change: (bytes: Buffer) => Uint8Array): string => {
  writeFileSync(world.at(name), change(readFileSync(backup.file)));
  return world.at(name);
};

describe('a restore is refused, and leaves the folder empty', () => {
  const flipped = (at: (length: number) => number) => (bytes: Buffer) => {
    const where = at(bytes.length);
    bytes[where] = (bytes[where] ?? 0) ^ 1;
    return bytes;
  };

  test.each([
    ['cut-off', (bytes: Buffer) => bytes.subarray(0, -20), 'cut off or damaged'],
    ['changed-in-the-middle', flipped((length) => Math.floor(length / 2)), 'cut off or damaged'],
    ['changed-at-the-end', flipped((length) => length - 1), 'cut off or damaged'],
    ['changed-at-the-beginning', flipped(() => 30), 'backup'],
    ['something-else', () => Buffer.from('SQLite format 3\n'), 'this is no backup'],
  ])('for a file that is %s', async (name, change, reason) => {
    const file = spoiled(`${name}.backup`, change);
    await expect(restore(emptyFolder(name), { file })).rejects.toThrow(reason);
    expect(readdirSync(world.at(name)).filter((each) => each !== 'lock.db')).toEqual([]);
  });

  test('under another seal key', async () => {
    writeFileSync(world.at('other.key'), Buffer.alloc(32, 9), { mode: 0o400 });
    const restoring = restore(emptyFolder('other-key'), { sealKey: world.at('other.key') });
    await expect(restoring).rejects.toThrow('under another seal key');
  });

  test('without a seal key', async () => {
    await expect(restore(emptyFolder('no-key'), { sealKey: world.at('none.key') })).rejects.toThrow('does not exist');
  });

  test('of another trust domain', async () => {
    const config = { ...world.config(emptyFolder('elsewhere')), trustDomain: 'example.com' as never };
    await expect(restoreBackup({ config, file: backup.file })).rejects.toMatchObject({ code: 'conflict' });
  });

  test.each(['ledger.db', 'head.json', 'anything'])('into a folder that holds %s', async (name) => {
    const folder = emptyFolder(`full-${name}`);
    writeFileSync(world.at(`${folder}/${name}`), 'x');
    await expect(restore(folder)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(name) });
    expect(readFileSync(world.at(`${folder}/${name}`), 'utf8')).toBe('x');
  });

  test('into a folder that others may read', async () => {
    chmodSync(world.at(emptyFolder('open')), 0o755);
    await expect(restore('open')).rejects.toThrow('open to group or others');
  });

  test('into the folder of a server that runs', async () => {
    await expect(restore('data')).rejects.toMatchObject({ code: 'conflict' });
  });
});

// Each of these goes on from the one before.
describe('on a new machine', () => {
  let came: Journey;

  test('the store is the one of that moment, and holds no seal key', async () => {
    copyFileSync(world.at('seal.key'), world.at('carried.key'));
    chmodSync(world.at('carried.key'), 0o400);
    const restored = await restore('new', { sealKey: world.at('carried.key') });
    expect(restored).toMatchObject({ epoch: 1, size: backup.size, root: backup.root });
    expect(readdirSync(world.at('new')).sort()).toEqual(['ledger.db', 'lock.db']);
    const bytes = readFileSync(world.at('new/ledger.db'));
    expect(statSync(world.at('new/ledger.db')).mode & 0o777).toBe(0o600);
    expect(bytes.includes(readFileSync(world.at('seal.key')))).toBe(false);
    const leaves = (folder: string) => recordedFacts(world.at(folder)).map(({ leafHash }) => leafHash);
    expect(leaves('new')).toEqual(leaves('data').slice(0, backup.size));
  });

  test('it starts read-only: its operator can look, and change nothing', async () => {
    await server.stop();
    came = await world.start('new');
    expect(came.server.readOnly).toContain(`restored from the backup of ${new Date(backup.madeAt).toISOString()}`);
    expect(came.log.lines.map(({ message }) => message)).toContain(
      'the head file is missing beside a store that exists; a new one is begun',
    );
    await expect(came.entry('late')).rejects.toMatchObject({
      code: 'read_only',
      message: expect.stringContaining('restored from the backup'),
    });
    const [entry] = (await came.administer<{ entries: { id: string }[] }>('GET', '/v1/admin/entries')).entries;
    expect(entry?.id).toBe('web');
    expect(await came.administer('GET', `/v1/admin/explain/${agent.serial}`)).toMatchObject({ id: agent.serial });
    const ready = await came.admin.call({ method: 'GET', path: '/readyz' }).catch((error: unknown) => error);
    expect(ready).toMatchObject({
      status: 503,
      document: { reasons: [expect.stringContaining('takes no writes'), expect.anything()] },
    });
    expect(came.size()).toBe(backup.size);
    await came.stop();
    expect(readdirSync(world.at('new'))).not.toContain('head.json');
  });

  test('accepted, it goes on in an epoch of its own, and tells agents to resync', async () => {
    const { newEpoch, trouble } = await acceptRestore({ config: world.config('new'), by: 'uid:0' });
    expect(trouble).toBeUndefined();
    came = await world.start('new');
    const answer = await greet(came, agent, newest);
    expect(answer.json()).toMatchObject({ resync: true, head: { epoch: newEpoch } });
    expect((await renew(came, agent)).answer.status).toBe(200);
    expect(JSON.parse(readFileSync(world.at('new/head.json'), 'utf8'))).toMatchObject({ epoch: newEpoch });
  });

  test('the same backup, brought back and accepted once more, never opens the same epoch', async () => {
    const head = headOf(await greet(came, agent));
    await came.stop();
    await restore('newer');
    const clock = { now: () => (Date.now() + 5000) as never, monotonic: () => 0 };
    const { newEpoch } = await acceptRestore({ config: world.config('newer'), by: 'uid:0', clock });
    expect(newEpoch).toBeGreaterThan(head.epoch);
  });
});
