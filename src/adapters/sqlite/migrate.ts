import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SqliteDatabase } from './open.ts';

/** Where this package has its migrations. */
export const packageMigrations = (): string => fileURLToPath(new URL('../../../migrations/sqlite', import.meta.url));

interface Migration {
  readonly version: number;
  readonly file: string;
  readonly sql: string;
  readonly checksum: string;
}

const FILE_NAME = /^([0-9]{4})-[a-z0-9-]+\.sql$/;

const readMigrations = (folder: string): Migration[] => {
  const migrations = readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const version = FILE_NAME.exec(file)?.[1];
      if (version === undefined) return [];
      const sql = readFileSync(join(folder, file), 'utf8');
      return [{ version: Number(version), file, sql, checksum: hash('sha256', sql) }];
    });
  if (migrations.some(({ version }, at) => version !== at + 1)) {
    throw new Error(`the migrations in ${folder} are not numbered 0001, 0002, … without gaps`);
  }
  return migrations;
};

interface Applied {
  readonly version: number;
  readonly checksum: string;
}

const applied = (db: SqliteDatabase): Applied[] =>
  db.prepare('SELECT version, checksum FROM migration ORDER BY version').all() as Applied[];

const stillToApply = (known: readonly Applied[], folder: string): readonly Migration[] => {
  const migrations = readMigrations(folder);
  const newest = known.at(-1)?.version ?? 0;
  if (newest > migrations.length) {
    throw new Error(`the store has schema ${newest}, this Mayfly knows ${migrations.length}: use a newer Mayfly`);
  }
  for (const { version, checksum } of known) {
    const migration = migrations[version - 1];
    if (migration?.checksum !== checksum) {
      throw new Error(`the store was made with another ${migration?.file ?? `migration ${version}`}`);
    }
  }
  return migrations.slice(newest);
};

/** How many migrations the next start would apply; changes nothing. Refuses as `migrate`. For a store that had its first start. */
export const waitingMigrations = (db: SqliteDatabase, folder: string): number =>
  stillToApply(applied(db), folder).length;

/**
 * Brings the schema to the newest version, each file in a transaction of its own. Refuses a store that a newer Mayfly
 * wrote, and one whose migrations are not the ones in `folder`.
 */
export const migrate = (db: SqliteDatabase, folder: string): void => {
  db.exec(`CREATE TABLE IF NOT EXISTS migration (
    version INTEGER PRIMARY KEY, file TEXT NOT NULL, checksum TEXT NOT NULL
  ) STRICT`);
  const migrations = stillToApply(applied(db), folder);
  const record = db.prepare('INSERT INTO migration (version, file, checksum) VALUES (?, ?, ?)');
  for (const { version, file, sql, checksum } of migrations) {
    db.transaction(() => {
      db.exec(sql);
      record.run(version, file, checksum);
    }).immediate();
  }
};
