import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessObstacle, TO_KEEP, TO_WRITE } from '../../src/compose/folder-access.ts';

const USER = 54_321;
const OTHER = 54_322;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-access-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a folder of its own is no obstacle to a user', () => {
  expect(accessObstacle(folder, process.getuid?.(), TO_KEEP)).toBeUndefined();
});

// As a file system that is read-only does; root's rights do not reach there either.
const onLinux = process.platform === 'linux' ? test : (): void => undefined;
onLinux('what keeps out whoever looks is named by its code', () => {
  expect(accessObstacle('/proc/sys', process.getuid?.(), TO_WRITE)).toMatch(/^cannot be written to \(E[A-Z]+\)$/);
});

const asRoot = process.getuid?.() === 0 ? test : (): void => undefined;
asRoot('root is told what another user meets, by owner and mode', () => {
  const readOnly = `cannot be written to by its owner, user ${USER}: chmod u+rwx it`;
  const foreign = `belongs to user ${OTHER}, and user ${USER} cannot write to it: chown it`;
  const found = (
    [
      [USER, 0o700, undefined],
      [USER, 0o500, readOnly],
      [USER, 0o677, readOnly],
      [OTHER, 0o755, foreign],
      [OTHER, 0o722, foreign],
      [OTHER, 0o770, undefined],
      [OTHER, 0o703, undefined],
    ] as const
  ).filter(([owner, mode, obstacle]) => {
    chownSync(folder, owner, owner);
    chmodSync(folder, mode);
    return accessObstacle(folder, USER, TO_WRITE) !== obstacle;
  });
  expect(found).toEqual([]);
  chownSync(folder, USER, USER);
  chmodSync(folder, 0o300);
  expect([TO_WRITE, TO_KEEP].map((rights) => accessObstacle(folder, USER, rights))).toEqual([undefined, readOnly]);
});
