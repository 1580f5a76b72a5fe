import type { Resource } from '../../domain/resource.ts';
import type { SqliteDatabase } from './open.ts';

/** Rows of resources. */
export class ResourceWriter {
  readonly #upsert;
  readonly #delete;
  readonly #addName;
  readonly #removeNames;

  constructor(db: SqliteDatabase) {
    this.#upsert = db.prepare(
      `INSERT INTO resource (identifier, revision, data) VALUES (?, ?, ?)
         ON CONFLICT (identifier) DO UPDATE SET revision = excluded.revision, data = excluded.data`,
    );
    this.#delete = db.prepare("UPDATE resource SET data = '' WHERE identifier = ?");
    this.#addName = db.prepare('INSERT INTO resource_name (name, identifier) VALUES (?, ?)');
    this.#removeNames = db.prepare('DELETE FROM resource_name WHERE identifier = ?');
  }

  write(resource: Resource): void {
    this.#removeNames.run(resource.identifier);
    this.#upsert.run(resource.identifier, resource.revision, JSON.stringify(resource));
    for (const name of new Set(resource.names)) this.#addName.run(name, resource.identifier);
  }

  /** Leaves a row without data, so that the revisions of a later resource of this identifier go on from there. */
  delete(identifier: string): void {
    this.#removeNames.run(identifier);
    this.#delete.run(identifier);
  }
}
