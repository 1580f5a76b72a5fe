import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkDataDir } from '../../../src/adapters/sqlite/check-ledger.ts';
import type { Failpoint } from '../../../src/adapters/sqlite/messages.ts';
import { ledgerFile, openForReading } from '../../../src/adapters/sqlite/open.ts';
import { LogRows } from '../../../src/adapters/sqlite/log-rows.ts';
import { sqliteViews } from '../../../src/adapters/sqlite/views.ts';
import { rootAt } from '../../../src/ledger/recover.ts';
import type { LogReader } from '../../../src/ports/views.ts';

const SCRIPT = fileURLToPath(new URL('../../support/append-until-killed.ts', import.meta.url));

interface Life {
  /** What was acknowledged: `index id`. */
  readonly acknowledged: string[];
  readonly signal: NodeJS.Signals | null;
}

/** Starts a server, lets it acknowledge at least `enough` facts, kills it without warning. */
const liveAndDie = (dataDir: string, enough: number, failpoint?: Failpoint): Promise<Life> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, dataDir, failpoint ? JSON.stringify(failpoint) : ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (piece: string) => {
      text += piece;
      if (text.split('\n').length > enough) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (_code, signal) =>
      // The last line may have been cut by the kill: it was not heard.
      resolve({ acknowledged: text.split('\n').slice(0, -1), signal }),
    );
  });

type Head = ReturnType<LogReader['head']>;

/** Every acknowledged fact is where the answer said; the log is whole, and grew out of the heads seen before. */
const checkAcknowledged = (dataDir: string, acknowledged: readonly string[], heads: readonly Head[]): Head => {
  const db = openForReading(ledgerFile(dataDir));
  const { log } = sqliteViews(db);
  const { tile } = new LogRows(db);
  const missing = acknowledged.filter((line) => {
    const [index, id] = line.split(' ');
    return log.at(Number(index))?.clear['id'] !== id;
  });
  const head = log.head();
  const roots = heads.map(({ size }) => rootAt(size, tile));
  db.close();
  expect(missing).toEqual([]);
  expect(roots).toEqual(heads.map(({ root }) => root));
  expect(checkDataDir(dataDir).problems).toEqual([]);
  return head;
};

describe('a server that is killed', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mayfly-crash-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  // TL-8, TL-9, P3, P4
  test('has every acknowledged fact after each of 30 restarts, one root a size, no index or id twice', async () => {
    const failpoints: readonly (Failpoint | undefined)[] = [
      undefined,
      { name: 'before-commit', action: 'kill', after: 3 },
      { name: 'after-commit', action: 'kill', after: 3 },
    ];
    const all: string[] = [];
    const heads: Head[] = [];
    for (let life = 0; life < 30; life++) {
      const failpoint = failpoints[life % failpoints.length];
      const { acknowledged, signal } = await liveAndDie(dataDir, (life * 37) % 200, failpoint);
      expect(signal).toBe('SIGKILL');
      all.push(...acknowledged);
      heads.push(checkAcknowledged(dataDir, acknowledged, heads));
    }
    checkAcknowledged(dataDir, all, heads);
    expect(new Set(all.map((line) => line.split(' ')[0])).size).toBe(all.length);
    expect(new Set(all.map((line) => line.split(' ')[1])).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(500);
  }, 60_000);
});
