import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import type { Instant } from '../../domain/instant.ts';
import { EMPTY_ROOT } from '../../domain/merkle.ts';
import { RevocationIndex } from '../../domain/revocation.ts';
import { firstEpoch } from '../../ledger/open-epoch.ts';
import type { Group } from '../../ledger/pool.ts';
import { headFileContradiction, recover, rootAt } from '../../ledger/recover.ts';
import { SeededEntropy } from '../../ledger/seeded-entropy.ts';
import { MAX_FLUSH_FACTS, Sequencer } from '../../ledger/sequencer.ts';
import type { Answer, Waiting } from '../../ledger/sequencer.ts';
import type { LogState } from '../../ledger/store.ts';
import type { Append, KnownElsewhere } from '../../ports/ledger.ts';
import { ChangeMark } from './change-mark.ts';
import { commitHooks } from './failpoint.ts';
import { holdFolder } from './lock.ts';
import { LogRows } from './log-rows.ts';
import type { ChoreRequest, PurgeCounts, ToWriter, WriterOptions } from './messages.ts';
import { migrate } from './migrate.ts';
import { ledgerFile, openForWriting } from './open.ts';
import type { SqliteDatabase } from './open.ts';
import { type Forgetting, Purge, vacuumSome } from './purge.ts';
import { ReadOnlyRow } from './read-only-row.ts';
import { RevocationRows } from './revocation-rows.ts';
import { SqliteLedgerStore } from './store.ts';

interface Queued extends Waiting {
  /** Who asked; the purge asks too, and nobody waits for its answer. */
  readonly port?: MessagePort;
}

const NOTHING: Append = { facts: [] };

const decoder = new TextDecoder();

/** The first row of a new store. Its log gets its first fact afterwards; a crash in between is made good at the next start. */
const firstState = (db: SqliteDatabase, options: WriterOptions, entropy: SeededEntropy): LogState => {
  const logId = Buffer.from(entropy.bytes(16)).toString('hex');
  db.prepare(
    'INSERT INTO log_state (id, log_id, trust_domain, epoch, size, root, time_ms) VALUES (1, ?, ?, 1, 0, ?, ?)',
  ).run(logId, options.trustDomain, EMPTY_ROOT, options.now);
  return {
    logId,
    trustDomain: options.trustDomain,
    epoch: 1,
    size: 0,
    root: EMPTY_ROOT,
    time: options.now as Instant,
  };
};

/** Everything that the writer's thread does, apart from listening (DEC-1). A throw must end the process. */
export class WriterThread {
  readonly #db: SqliteDatabase;
  readonly #release: () => void;
  readonly #store: SqliteLedgerStore;
  readonly #sequencer: Sequencer;
  readonly #ports = new Set<MessagePort>();
  readonly #probe;
  readonly #retention;
  readonly #readOnlyRow: ReadOnlyRow;
  readonly #onReadOnly: (reason: string) => void;
  /** Why no fact is admitted; undefined while they are. */
  #readOnly: string | undefined;
  #queue: Queued[] = [];
  #scheduled = false;

  /**
   * Takes the folder, migrates, checks and recovers. Throws with a sentence for the operator when it must not start, and
   * calls `onReadOnly`, now or later, when it takes no facts.
   */
  constructor(options: WriterOptions, onReadOnly: (reason: string) => void) {
    this.#onReadOnly = onReadOnly;
    this.#retention = options.retention;
    this.#release = holdFolder(options.dataDir);
    this.#db = openForWriting(ledgerFile(options.dataDir));
    migrate(this.#db, options.migrationsDir);
    if (options.maxPages !== undefined) this.#db.pragma(`max_page_count = ${options.maxPages}`);
    const entropy = new SeededEntropy(options.seed);
    const log = new LogRows(this.#db);
    const found = log.state() ?? firstState(this.#db, options, entropy);
    if (found.trustDomain !== options.trustDomain) {
      throw new Error(`the store belongs to trust domain ${found.trustDomain}, not ${options.trustDomain}`);
    }
    const tree = recover(found, log);
    const elsewhere = options.head && headFileContradiction(found, (size) => rootAt(size, log.tile), options.head);
    this.#readOnlyRow = new ReadOnlyRow(this.#db);
    this.#takeNothing(this.#readOnlyRow.get()?.reason ?? elsewhere);
    const revocations = new RevocationIndex();
    for (const revocation of new RevocationRows(this.#db).active()) revocations.add(revocation);
    this.#store = new SqliteLedgerStore(this.#db, revocations, {
      hooks: commitHooks(options.failpoint),
      detailLifeMs: options.retention.detailMs,
      changes: new ChangeMark(options.changes),
    });
    const isNew = found.size === 0 && this.#readOnly === undefined;
    this.#sequencer = new Sequencer(this.#store, found, tree);
    if (isNew) this.#sequencer.openEpoch(firstEpoch(found), entropy);
    this.#probe = this.#db.prepare(
      'INSERT INTO probe (id, at_ms) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms',
    );
  }

  connect(port: MessagePort): void {
    this.#ports.add(port);
    port.on('message', (message: ToWriter) => this.#take(port, message));
    port.on('close', () => this.#ports.delete(port));
  }

  async do(request: ChoreRequest): Promise<PurgeCounts | undefined> {
    switch (request.chore) {
      case 'probe':
        this.#probe.run(request.now);
        return undefined;
      case 'purge':
        return await this.#purge(request.now as Instant);
      case 'open-epoch':
        this.#sequencer.openEpoch(request.opening, new SeededEntropy(request.seed));
        this.#readOnly = undefined;
        return undefined;
      case 'checkpoint':
        this.#checkpoint();
        return undefined;
      case 'close':
        this.#close();
        return undefined;
      default:
        return request satisfies never;
    }
  }

  #take(port: MessagePort, { now, seed, groups }: ToWriter): void {
    const entropy = new SeededEntropy(seed);
    for (const group of JSON.parse(decoder.decode(groups)) as Group[]) {
      if ('stop' in group) this.#stop(group.stop, now);
      this.#queue.push({ append: 'stop' in group ? NOTHING : group, now: now as Instant, entropy, port });
    }
    this.#schedule();
  }

  #stop(known: KnownElsewhere, now: number): void {
    this.#readOnlyRow.put(known, now);
    this.#takeNothing(known.reason);
  }

  #takeNothing(reason: string | undefined): void {
    if (this.#readOnly !== undefined || reason === undefined) return;
    this.#readOnly = reason;
    this.#onReadOnly(reason);
  }

  /** A flush starts when the one before has ended and the event loop took in what came meanwhile: no timer. */
  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
      this.#schedule();
    });
  }

  #flush(): void {
    const waiting = this.#queue.slice(0, MAX_FLUSH_FACTS);
    const reason = this.#readOnly;
    const answers: readonly Answer[] =
      reason === undefined ? this.#sequencer.flush(waiting) : waiting.map(() => ({ status: 'read_only', reason }));
    this.#queue = this.#queue.slice(answers.length);
    const byPort = new Map<MessagePort, Answer[]>();
    for (const [at, answer] of answers.entries()) {
      const port = waiting[at]?.port;
      if (!port) continue;
      const held = byPort.get(port);
      if (held) held.push(answer);
      else byPort.set(port, [answer]);
    }
    for (const [port, own] of byPort) port.postMessage(own);
  }

  async #purge(now: Instant): Promise<PurgeCounts> {
    const { rows, admission } = this.#store;
    const forgetting: Forgetting = {
      credential: (id) => admission.forgetCredential(id),
      revocation: (id) => admission.revocations.remove(id),
      names: rows.names,
      filing: rows.filing,
    };
    const purge = new Purge(this.#db, forgetting, now, this.#retention);
    while (purge.step()) await rest();
    const { openings } = purge.counts;
    if (openings > 0) {
      const append: Append = { facts: [{ kind: 'details-erased', before: now, count: openings }] };
      this.#queue.push({ append, now, entropy: new SeededEntropy(new Uint8Array(32)) });
      this.#schedule();
      await turn();
    }
    while (vacuumSome(this.#db)) await rest();
    return purge.counts;
  }

  #checkpoint(): void {
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
  }

  /** Finishes what was sent before, then lets go of the store. */
  #close(): void {
    for (const port of this.#ports) {
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
        this.#take(port, next.message as ToWriter);
      }
    }
    while (this.#queue.length > 0) this.#flush();
    for (const port of this.#ports) port.close();
    this.#checkpoint();
    this.#db.close();
    this.#release();
  }
}

/** What the writer leaves to others after each slice of a purge, which takes about half of that. */
const REST_MS = 5;
const nothing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Leaves processor and disk to appends for a while: a purge has time, and who waits for a credential has not. */
const rest = async (): Promise<void> => {
  const waited = Atomics.waitAsync(nothing, 0, 0, REST_MS);
  await waited.value;
};

/** Lets appends go first. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
