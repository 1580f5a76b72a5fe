import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, packageMigrations } from '../../../src/adapters/sqlite/migrate.ts';
import { openForWriting, type SqliteDatabase } from '../../../src/adapters/sqlite/open.ts';
import { credentialReader } from '../../../src/adapters/sqlite/view-credentials.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { CredentialFilter, CredentialRow } from '../../../src/ports/views.ts';

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

const serialOf = (idx: number): Buffer => {
  const serial = Buffer.alloc(16);
  serial.writeUInt32BE(idx, 12);
  return serial;
};

const add = (idx: number, kind: number, holder: number, notAfter = 9): void => {
  db.prepare(
    'INSERT INTO credential (id, idx, kind, role, holder, authority, not_before, not_after) VALUES (?, ?, ?, 1, ?, 1, 0, ?)',
  ).run(serialOf(idx), idx, kind, holder, notAfter);
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

describe('a walk', () => {
  const id = (path: string): SpiffeId => `spiffe://example.org${path}` as SpiffeId;
  const HOLDERS = 700;
  const FILED = 1900;
  /** `/many` has the third part, the others, `/apps` itself among them, one or two each; every fifth has expired. */
  const holderOf = (idx: number): number => (idx % 3 === 0 ? 1 : 2 + (idx % (HOLDERS - 1)));
  const LIVE_AT = 5;

  beforeEach(() => {
    migrate(db, packageMigrations());
    db.transaction(() => {
      for (const [at, text] of ['key', AGENTS[0]].entries()) {
        db.prepare('INSERT INTO name (id, text) VALUES (?, ?)').run(at + 1, text);
      }
      for (let holder = 1; holder <= HOLDERS; holder += 1) {
        const path = ['', '/apps/many', '/apps'][holder] ?? `/apps${holder % 2 === 0 ? '/' : '.'}one-${holder}`;
        db.prepare('INSERT INTO holder (id, key, subject, entry, agent) VALUES (?, ?, ?, ?, 2)').run(
          holder,
          serialOf(holder),
          id(path),
          `e${holder % 10}`,
        );
      }
      for (let idx = 1; idx <= 2500; idx += 1) {
        const holder = holderOf(idx);
        add(idx, JWT, holder, idx % 5 === 0 ? 3 : 9);
        if (idx < FILED) db.prepare('INSERT INTO held_credential (holder, idx) VALUES (?, ?)').run(holder, idx);
      }
      db.prepare('UPDATE filing SET below = ?').run(FILED);
    })();
  });

  test.each<[string, CredentialFilter]>([
    ['all', {}],
    ['one holder with many', { spiffeId: id('/apps/many') }],
    ['a prefix, whole segments', { prefix: id('/apps') }],
    ['a prefix with nothing below it', { prefix: id('/apps/many') }],
    ['an entry', { entry: 'e3' }],
    ['an agent', { agent: AGENTS[0] as SpiffeId }],
    ['an agent, below a prefix', { agent: AGENTS[0] as SpiffeId, prefix: id('/apps') }],
    ['nobody', { prefix: id('/app') }],
  ])('of %s meets each live one once, some at a time', (_what, filter) => {
    const reader = credentialReader(db);
    for (const liveAt of [LIVE_AT, 0]) {
      const pages = [...reader.walk({ ...filter, liveAt })];
      const met = pages.flat().sort((a, b) => b.index - a.index);
      expect(met).toEqual(reader.list({ ...filter, liveAt }, { limit: 3000 }));
      expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(600);
    }
  });

  test('of a prefix looks at no holder beside it', () => {
    const looked: unknown[] = [];
    db.function('looked', { deterministic: false }, (subject: unknown) => {
      looked.push(subject);
      return 1;
    });
    const counting = new Proxy(db, {
      get: (target, name) =>
        name === 'prepare'
          ? (sql: string) => target.prepare(sql.replace(/(?<=FROM holder .*WHERE )/, 'looked(subject) AND '))
          : (Reflect.get(target, name) as unknown),
    });
    const met = [...credentialReader(counting).walk({ prefix: id('/apps') })].flat();
    expect(met.length).toBeGreaterThan(0);
    const below = db.prepare("SELECT subject FROM holder WHERE subject NOT LIKE '%/apps.%' ORDER BY subject").pluck();
    expect([...new Set(looked)]).toEqual(below.all());
    // A page begins at the last one of the page before.
    expect(looked.length).toBeLessThan(below.all().length + 5);
  });

  test('meets each once when it is filed meanwhile, and leaves the connection to others', () => {
    const reader = credentialReader(db);
    const walk = reader.walk({ prefix: id('/apps') });
    const first = walk.next();
    const met: CredentialRow[] = first.done === true ? [] : [...first.value];
    for (let idx = FILED; idx <= 2500; idx += 1) {
      db.prepare('INSERT INTO held_credential (holder, idx) VALUES (?, ?)').run(holderOf(idx), idx);
    }
    db.prepare('UPDATE filing SET below = 2501').run();
    for (const rows of walk) met.push(...rows);
    expect(met).toHaveLength(reader.count({ prefix: id('/apps') }));
    expect(new Set(met.map((row) => row.id)).size).toBe(met.length);
  });
});
