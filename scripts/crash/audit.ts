import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { unpackText } from '../../src/adapters/sqlite/packed-text.ts';
import { Frontier } from './frontier.ts';
import { readHeld } from './held.ts';

/** How often something was found; the second half must stay at nothing. */
export interface AuditCounts {
  entries: number;
  credentials: number;
  held: number;
  revocations: number;
  notInLedger: number;
  twice: number;
  afterRevocation: number;
  rootDiffers: number;
  notOpening: number;
  locked: number;
  turnedAway: number;
}

const NONE: AuditCounts = {
  entries: 0,
  credentials: 0,
  held: 0,
  revocations: 0,
  notInLedger: 0,
  twice: 0,
  afterRevocation: 0,
  rootDiffers: 0,
  notOpening: 0,
  locked: 0,
  turnedAway: 0,
};

interface Row {
  readonly idx: number;
  readonly leaf: Buffer;
  readonly salt: Buffer | null;
  readonly detail: Buffer | null;
}

/** How text is stored says nothing about what it says; its hash does. */
const unpacked = ({ idx, leaf, salt, detail }: Row): Row => ({
  idx,
  leaf: Buffer.from(unpackText(leaf)),
  salt,
  detail: detail && Buffer.from(unpackText(detail)),
});

type Members = Record<string, unknown>;

const parse = (bytes: Buffer): Members => JSON.parse(bytes.toString('utf8')) as Members;

/** Where a credential is on record, and the digest that was written before it was signed. */
interface Recorded {
  readonly index: number;
  readonly digest: unknown;
}

/**
 * Reads a ledger's database and what clients hold, and nothing else of the server, and counts what must not be. It can go
 * on where it left off; a new one begins at the first entry.
 */
export class Audit {
  readonly counts: AuditCounts = { ...NONE };
  /** The first things found, in words. */
  readonly problems: string[] = [];
  readonly #database: string;
  readonly #heldFile: string;
  readonly #tree = new Frontier();
  readonly #issued = new Map<string, Recorded>();
  readonly #revoked = new Map<string, number>();
  readonly #ids = new Set<string>();
  readonly #entries = new Set<string>();
  /** `identity spiffe://…`, `entry web`: nothing is issued for these. */
  readonly #barred = new Set<string>();
  #heldFrom = 0;

  constructor(dataDir: string, heldFile: string) {
    this.#database = join(dataDir, 'ledger.db');
    this.#heldFile = heldFile;
  }

  /** Takes in what is new. No server may be writing meanwhile. */
  advance(): void {
    const db = new Database(this.#database, { readonly: true });
    try {
      this.#readLog(db);
    } finally {
      db.close();
    }
    const { lines, next } = readHeld(this.#heldFile, this.#heldFrom);
    this.#heldFrom = next;
    for (const line of lines) {
      if (line.held === 'credential') this.#checkCredential(line);
      else if (line.held === 'revocation') this.#checkRevocation(line);
      else if (line.held === 'trouble') this.#found('turnedAway', line.what);
      else if (!this.#entries.has(line.id)) this.#found('notInLedger', `entry ${line.id}`);
    }
  }

  #found(what: keyof AuditCounts, words: string): void {
    this.counts[what] += 1;
    if (this.problems.length < 20) this.problems.push(`${what}: ${words}`);
  }

  #readLog(db: Database.Database): void {
    const rows = db.prepare<[number], Row>(
      `SELECT e.idx, e.leaf, d.salt, d.detail FROM log_entry e LEFT JOIN audit_detail d ON d.idx = e.idx
         WHERE e.idx >= ? ORDER BY e.idx`,
    );
    for (const stored of rows.iterate(this.counts.entries)) {
      const row = unpacked(stored);
      if (row.idx !== this.counts.entries) this.#found('twice', `${row.idx} stands at place ${this.counts.entries}`);
      this.counts.entries += 1;
      this.#tree.append(row.leaf);
      this.#readEntry(row);
    }
    const state = db.prepare<[], { size: number; root: Buffer }>('SELECT size, root FROM log_state').get();
    if (state?.size !== this.counts.entries || !this.#tree.root().equals(state.root)) {
      this.#found('rootDiffers', `at size ${this.counts.entries}`);
    }
  }

  #readEntry({ idx, leaf, salt, detail }: Row): void {
    const clear = parse(leaf);
    const isOpen = salt !== null && detail !== null;
    if (isOpen && createHmac('sha256', salt).update(detail).digest('hex') !== clear['c']) {
      this.#found('notOpening', `entry ${idx}`);
    }
    const fact: Members = { ...clear, ...(isOpen && parse(detail)) };
    const id = fact['id'];
    const kind = String(clear['k']);
    const isNew = !/^(?:authority|revocation-released|entry-deleted)/.test(kind);
    if (isNew && typeof id === 'string') {
      if (this.#ids.has(id)) this.#found('twice', `${kind} ${id}`);
      this.#ids.add(id);
    }
    if (kind === 'issued') this.#readIssued(fact, idx);
    if (kind === 'revoked') this.#readRevoked(fact, idx);
    if (kind === 'entry-created') this.#readEntryCreated(fact);
  }

  #readIssued(fact: Members, index: number): void {
    const id = String(fact['id']);
    this.counts.credentials += 1;
    this.#issued.set(id, { index, digest: fact['digest'] });
    for (const target of targetsOf(fact)) {
      if (this.#barred.has(target)) this.#found('afterRevocation', `${id} at ${index} for ${target}`);
    }
  }

  #readRevoked(fact: Members, index: number): void {
    const target = fact['target'] as { kind: string; value: string } | undefined;
    this.#revoked.set(String(fact['id']), index);
    if (!target) return;
    if (fact['by'] === 'mayfly') this.#found('locked', target.value);
    else this.#barred.add(`${target.kind} ${target.value}`);
  }

  #readEntryCreated(fact: Members): void {
    const { id } = fact['entry'] as { id: string };
    if (this.#entries.has(id)) this.#found('twice', `entry ${id}`);
    this.#entries.add(id);
  }

  #checkCredential({ id, digest, index }: { id: string; digest: string; index?: number }): void {
    this.counts.held += 1;
    const recorded = this.#issued.get(id);
    const isThere = recorded?.digest === digest && (index === undefined || index === recorded.index);
    if (!isThere) this.#found('notInLedger', `credential ${id}`);
  }

  #checkRevocation({ id, index }: { id: string; index: number }): void {
    this.counts.revocations += 1;
    if (this.#revoked.get(id) !== index) this.#found('notInLedger', `revocation ${id}`);
  }
}

/** What a revocation may name to hit this credential. A prefix matches whole path segments. */
const targetsOf = (fact: Members): readonly string[] => {
  const spiffeId = String(fact['spiffeId']);
  const segments = spiffeId.split('/');
  const prefixes = segments.map((_, at) => `prefix ${segments.slice(0, at + 1).join('/')}`);
  return [`identity ${spiffeId}`, `entry ${String(fact['entry'])}`, `agent ${String(fact['agent'])}`, ...prefixes];
};
