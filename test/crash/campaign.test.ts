import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Audit } from '../../scripts/crash/audit.ts';
import { type CampaignResult, crashCampaign } from '../../scripts/crash/campaign.ts';
import { HeldFile, readHeld } from '../../scripts/crash/held.ts';
import type { Death } from '../../scripts/crash/start-server.ts';

/** One death at each point, late enough that all kinds of clients have begun. */
const DEATHS: readonly Death[] = [
  { by: 'random', afterMs: 600 },
  { by: 'before-commit', after: 25 },
  { by: 'after-commit', after: 25 },
  { by: 'after-signature', after: 25 },
  { by: 'after-read-back', after: 20 },
  { by: 'before-last-byte', after: 20 },
];

const folder = mkdtempSync(join(tmpdir(), 'mayfly-campaign-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const dataDir = join(folder, 'data');
const heldFile = join(folder, 'held.ndjson');

describe('a server that is killed under load', () => {
  let result: CampaignResult;

  // TL-8, DEC-3, DEC-12; `npm run crash` does the same for longer.
  test('loses nothing that a client holds, and turns no honest client away', async () => {
    const said: string[] = [];
    const deathOf = (nth: number): Death => DEATHS[nth] ?? { by: 'random', afterMs: 0 };
    result = await crashCampaign({ folder, kills: DEATHS.length, deathOf, progress: (line) => said.push(line) });
    expect(result.problems).toEqual([]);
    expect(result).toMatchObject({
      kills: Object.fromEntries(DEATHS.map(({ by }) => [by, 1])),
      startsBySelf: DEATHS.length + 1,
      doesNotStart: 0,
      notReached: 0,
      notInLedger: 0,
      twice: 0,
      afterRevocation: 0,
      rootDiffers: 0,
      notOpening: 0,
      locked: 0,
      turnedAway: 0,
      stuck: 0,
    });
    expect(result.held).toBeGreaterThan(50);
    expect(result.credentials).toBeGreaterThan(result.held);
    expect(result.answered['renewal']).toBeGreaterThan(0);
    expect(result.answered['token by certificate']).toBeGreaterThan(0);
    expect(result.revocations).toBeGreaterThan(0);
  }, 60_000);

  describe('the audit notices', () => {
    let copies = 0;

    /** What an audit counts after something was done to a copy of the folder. */
    const auditAfter = (spoil: (held: HeldFile, db: Database.Database) => void) => {
      copies += 1;
      const copy = join(folder, `copy-${copies}`);
      cpSync(dataDir, copy, { recursive: true, filter: (source) => !source.endsWith('.sock') });
      const held = join(folder, `held-${copies}`);
      cpSync(heldFile, held);
      const db = new Database(join(copy, 'ledger.db'));
      db.exec('DROP TRIGGER log_entry_is_never_changed; DROP TRIGGER log_entry_is_never_deleted');
      spoil(new HeldFile(held), db);
      db.close();
      const audit = new Audit(copy, held);
      audit.advance();
      return audit.counts;
    };

    const someCredential = () => {
      const found = readHeld(heldFile, 0).lines.find((line) => line.held === 'credential');
      if (found?.held !== 'credential') throw new Error('no client holds a credential');
      return found;
    };

    test('nothing, where nothing was done', () => {
      expect(auditAfter(() => undefined)).toMatchObject({ notInLedger: 0, twice: 0, rootDiffers: 0, notOpening: 0 });
    });

    test('a credential that is not on record', () => {
      const id = 'f'.repeat(32);
      const counts = auditAfter((held) => held.add({ held: 'credential', id, digest: someCredential().digest }));
      expect(counts.notInLedger).toBe(1);
    });

    test('a credential over other bytes than those on record', () => {
      const other = { ...someCredential(), digest: '0'.repeat(64) };
      expect(auditAfter((held) => held.add(other)).notInLedger).toBe(1);
    });

    test('a revocation that was answered and is not on record', () => {
      const id = '0'.repeat(32);
      expect(auditAfter((held) => held.add({ held: 'revocation', id, index: 1 })).notInLedger).toBe(1);
    });

    test('an entry of the log that was changed', () => {
      const counts = auditAfter((_, db) =>
        db.exec("UPDATE log_entry SET leaf = CAST(leaf || ' ' AS BLOB) WHERE idx = 3"),
      );
      expect(counts.rootDiffers).toBe(1);
    });

    test('the newest entry cut off', () => {
      const counts = auditAfter((_, db) =>
        db.exec('DELETE FROM log_entry WHERE idx = (SELECT max(idx) FROM log_entry)'),
      );
      expect(counts.rootDiffers).toBe(1);
    });

    test('an opening that was changed', () => {
      const at = someCredential().index ?? 0;
      const counts = auditAfter((_, db) =>
        db.prepare("UPDATE audit_detail SET detail = CAST(detail || ' ' AS BLOB) WHERE idx = ?").run(at),
      );
      expect(counts.notOpening).toBe(1);
    });

    test('a serial twice, and one that was issued after the revocation of its identity', () => {
      const counts = auditAfter((_, db) => {
        const size = Number(db.prepare('SELECT max(idx) + 1 FROM log_entry').pluck().get());
        const victim = db
          .prepare<[], { idx: number }>(
            `SELECT c.idx FROM credential c JOIN holder h ON h.id = c.holder
               JOIN revocation r ON r.target_kind = 'identity' AND r.target_value = h.subject WHERE c.idx < r.idx`,
          )
          .get();
        const copy = (table: string, columns: string) =>
          db.prepare(`INSERT INTO ${table} SELECT ?, ${columns} FROM ${table} WHERE idx = ?`).run(size, victim?.idx);
        copy('log_entry', 'leaf');
        copy('audit_detail', 'salt, detail, erase_after');
      });
      expect(counts).toMatchObject({ twice: 1, afterRevocation: 1, rootDiffers: 1 });
    });
  });
});
