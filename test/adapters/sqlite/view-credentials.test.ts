import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, packageMigrations } from '../../../src/adapters/sqlite/migrate.ts';
import { openForWriting, type SqliteDatabase } from '../../../src/adapters/sqlite/open.ts';
import { credentialReader } from '../../../src/adapters/sqlite/view-credentials.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';

const X509 = 0;
const JWT = 1;
const AGENTS = ['one', 'two', 'three'] as const;

let folder: string;
let db: SqliteDatabase;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-credentials-'));
  db = openForWriting(join(folder, 'ledger.db'));
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

const agentId = (name: string): SpiffeId => `spiffe://example.org/mayfly/agent/x509pop/${name}` as SpiffeId;

const add = (idx: number, kind: number, holder: number): void => {
  db.prepare(
    'INSERT INTO credential (id, idx, kind, role, holder, authority, not_before, not_after) VALUES (?, ?, ?, 1, ?, 1, 0, 9)',
  ).run(Buffer.alloc(16, idx), idx, kind, holder);
};

test('a store of before knows the newest SVID of each agent, filed or not', () => {
  const before = join(folder, 'before');
  mkdirSync(before);
  for (const file of readdirSync(packageMigrations()).filter((name) => name < '0006')) {
    copyFileSync(join(packageMigrations(), file), join(before, file));
  }
  migrate(db, before);
  db.prepare("INSERT INTO name (id, text) VALUES (1, 'key')").run();
  for (const [at, name] of AGENTS.entries()) {
    db.prepare('INSERT INTO agent (spiffe_id, attestation) VALUES (?, ?)').run(agentId(name), Buffer.alloc(16, at));
    db.prepare('INSERT INTO holder (id, key, subject) VALUES (?, ?, ?)').run(at + 1, Buffer.of(at), agentId(name));
  }
  for (const [idx, kind, holder] of [
    [1, X509, 1],
    [2, X509, 2],
    [3, X509, 2],
    [4, JWT, 2],
    [11, X509, 1],
    [12, JWT, 1],
  ] as const) {
    add(idx, kind, holder);
    if (idx < 10) db.prepare('INSERT INTO held_credential (holder, idx) VALUES (?, ?)').run(holder, idx);
  }
  db.prepare('UPDATE filing SET below = 10').run();
  migrate(db, packageMigrations());
  const reader = credentialReader(db);
  expect(AGENTS.map((name) => reader.newestOf(agentId(name))?.index)).toEqual([11, 3, undefined]);
});
