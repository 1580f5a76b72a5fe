import type { ResourceReader } from '../../ports/views.ts';
import type { SqliteDatabase } from './open.ts';
import { parseResource } from './rows.ts';

export const resourceReader = (db: SqliteDatabase): ResourceReader => {
  const get = db.prepare<[string], string>("SELECT data FROM resource WHERE identifier = ? AND data <> ''").pluck();
  const revision = db.prepare<[string], number>('SELECT revision FROM resource WHERE identifier = ?').pluck();
  const owner = db.prepare<[string], string>('SELECT identifier FROM resource_name WHERE name = ?').pluck();
  const list = db.prepare<[], string>("SELECT data FROM resource WHERE data <> '' ORDER BY identifier").pluck();
  const find = (identifier: string) => {
    const data = get.get(identifier);
    return data === undefined ? undefined : parseResource(data);
  };
  return {
    get: find,
    named: (name) => {
      const byIdentifier = find(name);
      if (byIdentifier) return byIdentifier;
      const identifier = owner.get(name);
      return identifier === undefined ? undefined : find(identifier);
    },
    lastRevision: (identifier) => revision.get(identifier) ?? 0,
    list: () => list.all().map(parseResource),
  };
};
