import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedToCallers } from '../../src/compose/closed-to-callers.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-closed-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'closed/deep'), { recursive: true });
});
afterEach(() => {
  chmodSync(join(folder, 'closed'), 0o700);
  rmSync(folder, { recursive: true, force: true });
});

/** As another user than root, whom nothing keeps out. */
const asAnyone = <T>(work: () => T): T => {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(54_321);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
};

test.each(['closed/w.sock', 'closed/deep/w.sock', 'closed/later/on/w.sock'])(
  'who may not look into the closed folder itself is told of it, too: %s',
  (socket) => {
    // Not even its owner.
    chmodSync(join(folder, 'closed'), 0o000);
    expect(asAnyone(() => closedToCallers(join(folder, socket)))).toBe(join(folder, 'closed'));
  },
);

test.each([0o710, 0o701])('a folder of mode %o is open to somebody', (mode) => {
  chmodSync(join(folder, 'closed'), mode);
  expect(closedToCallers(join(folder, 'closed/deep/w.sock'))).toBeUndefined();
});
