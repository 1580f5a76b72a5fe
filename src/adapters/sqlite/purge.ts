import type { Instant } from '../../domain/instant.ts';
import { type RecordId, recordIdFloor } from '../../domain/record-id.ts';
import type { Filing } from './filing.ts';
import type { PurgeCounts } from './messages.ts';
import type { Names } from './names.ts';
import type { SqliteDatabase } from './open.ts';
import { blobToId, idToBlob, roleToCode } from './rows.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long rows stay past their end, in milliseconds. */
export interface Retention {
  readonly hotMs: number;
  /** An agent may come back so long after its last SVID ended (DEC-13): its rows stay as long, when that is longer. */
  readonly agentMs: number;
  /** How long the openings of facts are kept, from which their details can be read. */
  readonly detailMs: number;
}

/** design.md §10, DEC-13. */
export const DEFAULT_RETENTION: Retention = { hotMs: 7 * DAY_MS, agentMs: 30 * DAY_MS, detailMs: 400 * DAY_MS };

/** Rows that only say where a decision is on record. They stay for at least this long, and as long as the openings. */
const DECISION_LIFE_MS = 400 * DAY_MS;

/**
 * How much longer than it is valid something is remembered that may be used only once: a clock that was set back makes it
 * valid again, and it must not be accepted twice then.
 */
const SPENT_MARGIN_MS = 2 * DAY_MS;

const AGENT = roleToCode('agent');
/** How many rows one slice holds: a few milliseconds of work, for which an issuance may have to wait. */
const CHUNK = 16;
/** How many pages one slice gives back. */
const VACUUM_PAGES = 64;
/** One page in so many stays free in the store, which will write to it again. */
const FREE_SHARE = 16;

type Step = () => number;

/** The writer's memories, which have to forget the rows that are purged. */
export interface Forgetting {
  credential(id: RecordId): void;
  revocation(id: RecordId): void;
  readonly names: Pick<Names, 'forgetHolder' | 'forgetName'>;
  readonly filing: Pick<Filing, 'remove' | 'holds'>;
}

/** A table whose rows end by themselves. */
interface Expiring {
  readonly count: 'spent' | 'joinTokens';
  readonly table: string;
  /** The columns of its key. */
  readonly key: string;
  /** The column of the end, in Unix seconds, which the index `<table>_<until>` serves. */
  readonly until: string;
}

const SPENT: Expiring = { count: 'spent', table: 'spent', key: 'kind, key', until: 'until' };
const JOIN_TOKENS: Expiring = { count: 'joinTokens', table: 'join_token', key: 'id', until: 'expires_at' };

interface GoneHolder {
  readonly subject: string;
  readonly entry: string | null;
  readonly agent: number | null;
}

const statements = (db: SqliteDatabase) => ({
  oldCredentials: db.prepare<
    [Buffer, Buffer],
    { id: Buffer; idx: number; role: number; not_after: number; holder: number }
  >(`SELECT id, idx, role, not_after, holder FROM credential WHERE id > ? AND id < ? ORDER BY id LIMIT ${CHUNK}`),
  removeCredential: db.prepare<[number]>('DELETE FROM credential WHERE idx = ?'),
  keepDecision: db.prepare<[Buffer, number]>('INSERT OR IGNORE INTO decision (id, idx) VALUES (?, ?)'),
  removeHolder: db.prepare<[number], GoneHolder>(
    `DELETE FROM holder WHERE id = ?
       AND NOT EXISTS (SELECT 1 FROM held_credential h WHERE h.holder = holder.id)
       RETURNING subject, entry, agent`,
  ),
  removeName: db
    .prepare<[number], string>(
      `DELETE FROM name WHERE id = ?
         AND NOT EXISTS (SELECT 1 FROM holder INDEXED BY holder_agent WHERE agent = name.id)
         AND NOT EXISTS (SELECT 1 FROM authority WHERE authority.id = name.text)
         RETURNING text`,
    )
    .pluck(),
  oldestOpenings: db.prepare<[], { idx: number; erase_after: number }>(
    `SELECT idx, erase_after FROM audit_detail ORDER BY idx LIMIT ${CHUNK}`,
  ),
  eraseOpening: db.prepare<[number]>('DELETE FROM audit_detail WHERE idx = ?'),
});

/** One run of retention, in slices: `step` does one, in a transaction of its own, and says whether more is left. */
export class Purge {
  readonly #db: SqliteDatabase;
  readonly #sql: ReturnType<typeof statements>;
  readonly #forgetting: Forgetting;
  readonly #now: number;
  readonly #retention: Retention;
  readonly #counts: { -readonly [K in keyof PurgeCounts]: number } = {
    credentials: 0,
    openings: 0,
    spent: 0,
    attestations: 0,
    joinTokens: 0,
    decisions: 0,
    revocations: 0,
  };
  #at = 0;
  #afterCredential: Buffer = Buffer.alloc(16);

  constructor(db: SqliteDatabase, forgetting: Forgetting, now: Instant, retention: Retention) {
    this.#db = db;
    this.#sql = statements(db);
    this.#forgetting = forgetting;
    this.#now = now;
    this.#retention = retention;
  }

  get counts(): PurgeCounts {
    return this.#counts;
  }

  step(): boolean {
    const steps: readonly Step[] = [
      () => this.#credentials(),
      () => this.#openings(),
      () => this.#expired(SPENT, this.#seconds(SPENT_MARGIN_MS)),
      () => this.#attestations(),
      () => this.#expired(JOIN_TOKENS, this.#seconds(this.#retention.hotMs)),
      () => this.#decisions(),
      () => this.#revocationsOfNothing(),
    ];
    const step = steps[this.#at];
    if (!step) return false;
    const done = this.#db.transaction(step).immediate();
    if (done < CHUNK) this.#at += 1;
    return this.#at < steps.length;
  }

  #decisionLife(): number {
    return Math.max(DECISION_LIFE_MS, this.#retention.detailMs);
  }

  #seconds(ago: number): number {
    return Math.floor((this.#now - ago) / 1000);
  }

  #floor(ago: number): Buffer {
    return idToBlob(recordIdFloor(Math.max(0, this.#now - ago) as Instant));
  }

  /** Ids sort by time, so that whatever may be old enough lies in one range (DEC-7). */
  #credentials(): number {
    const { hotMs, agentMs } = this.#retention;
    const others = this.#seconds(hotMs);
    const agents = this.#seconds(Math.max(hotMs, agentMs));
    const rows = this.#sql.oldCredentials.all(this.#afterCredential, this.#floor(hotMs));
    this.#afterCredential = rows.at(-1)?.id ?? this.#afterCredential;
    const due = rows.filter((row) => row.not_after < (row.role === AGENT ? agents : others));
    for (const { id, idx, holder } of due) {
      this.#sql.keepDecision.run(id, idx);
      this.#sql.removeCredential.run(idx);
      this.#forgetting.filing.remove(idx, holder);
      this.#forgetting.credential(blobToId(id));
    }
    this.#forgetHolders(new Set(due.map(({ holder }) => holder)));
    this.#counts.credentials += due.length;
    return rows.length;
  }

  /** Removes holders that have no credential left, and the names of agents to which no holder refers. */
  #forgetHolders(holders: ReadonlySet<number>): void {
    const agents = new Set<number>();
    for (const holder of holders) {
      if (this.#forgetting.filing.holds(holder)) continue;
      const gone = this.#sql.removeHolder.get(holder);
      if (!gone) continue;
      this.#forgetting.names.forgetHolder(gone.subject, gone.entry, gone.agent);
      if (gone.agent !== null) agents.add(gone.agent);
    }
    for (const agent of agents) {
      const name = this.#sql.removeName.get(agent);
      if (name !== undefined) this.#forgetting.names.forgetName(name);
    }
  }

  /** Openings fall due in the order in which they were written. */
  #openings(): number {
    const rows = this.#sql.oldestOpenings.all();
    const left = rows.findIndex((row) => row.erase_after > this.#now);
    const due = left < 0 ? rows : rows.slice(0, left);
    for (const { idx } of due) this.#sql.eraseOpening.run(idx);
    this.#counts.openings += due.length;
    return due.length;
  }

  #expired({ count, table, key, until }: Expiring, before: number): number {
    const { changes } = this.#db
      .prepare(
        `DELETE FROM ${table} WHERE (${key}) IN
           (SELECT ${key} FROM ${table} INDEXED BY ${table}_${until} WHERE ${until} < ? LIMIT ${CHUNK})`,
      )
      .run(before);
    this.#counts[count] += changes;
    return changes;
  }

  /**
   * An agent renews without attesting anew, which carries `renew_until` of its attestation on. The newest one stays for as
   * long as the agent may come back with its node key.
   */
  #attestations(): number {
    const due = this.#db
      .prepare<[number], { id: Buffer; spiffe_id: string }>(
        `SELECT id, spiffe_id FROM attestation a INDEXED BY attestation_renew_until WHERE renew_until < ?
           AND NOT EXISTS (SELECT 1 FROM agent WHERE agent.spiffe_id = a.spiffe_id AND agent.attestation = a.id
             AND EXISTS (SELECT 1 FROM holder INDEXED BY holder_subject WHERE subject = a.spiffe_id))
           LIMIT ${CHUNK}`,
      )
      .all(this.#seconds(this.#retention.hotMs));
    const forgetAgent = this.#db.prepare('DELETE FROM agent WHERE spiffe_id = ? AND attestation = ?');
    const remove = this.#db.prepare('DELETE FROM attestation WHERE id = ?');
    for (const { id, spiffe_id } of due) {
      forgetAgent.run(spiffe_id, id);
      remove.run(id);
    }
    this.#counts.attestations += due.length;
    return due.length;
  }

  #decisions(): number {
    const { changes } = this.#db
      .prepare(`DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE id < ? ORDER BY id LIMIT ${CHUNK})`)
      .run(this.#floor(this.#decisionLife()));
    this.#counts.decisions += changes;
    return changes;
  }

  /** Revocations of a single credential whose row is gone, and those released longer ago than decisions are kept. */
  #revocationsOfNothing(): number {
    const due = this.#db
      .prepare<[number, number], { id: Buffer }>(
        `SELECT id FROM revocation WHERE
             (target_kind = 'credential' AND at_ms < ?
               AND NOT EXISTS (SELECT 1 FROM credential c WHERE c.id = unhex(target_value)))
           OR (released_ms < ? AND predicates NOT LIKE '%"cutoff"%') LIMIT ${CHUNK}`,
      )
      .all(this.#now - this.#retention.hotMs, this.#now - this.#decisionLife());
    const remove = this.#db.prepare('DELETE FROM revocation WHERE id = ?');
    for (const { id } of due) {
      remove.run(id);
      this.#forgetting.revocation(blobToId(id));
    }
    this.#counts.revocations += due.length;
    return due.length;
  }
}

/** Gives freed pages back to the file system, a few at a time, but for some. Returns whether more are left. */
export const vacuumSome = (db: SqliteDatabase): boolean => {
  const pages = (name: string): number => Number(db.pragma(name, { simple: true }));
  if (pages('freelist_count') <= pages('page_count') / FREE_SHARE) return false;
  db.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
  return true;
};
