import { mkdirSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { EpochOpening } from '../../ledger/open-epoch.ts';
import { headFileContradiction } from '../../ledger/recover.ts';
import { LedgerPool } from '../../ledger/pool.ts';
import type { AppendMessage, WriterLink } from '../../ledger/pool.ts';
import { SEED_BYTES } from '../../ledger/seeded-entropy.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { Ledger, WriteStop } from '../../ports/ledger.ts';
import type { Views } from '../../ports/views.ts';
import { CHANGE_MARK_BYTES, ChangeMark } from './change-mark.ts';
import { checkHeadPlace, readHeadFile, writeHeadFile } from './head-file.ts';
import type { Failpoint, FromWriter, PurgeCounts } from './messages.ts';
import { packageMigrations } from './migrate.ts';
import { ledgerFile, openForReading } from './open.ts';
import { DEFAULT_RETENTION } from './purge.ts';
import type { Retention } from './purge.ts';
import { sqliteViews } from './views.ts';
import { LedgerWriter } from './writer.ts';

/** One front end's ledger: writes through the writer thread, reads over a connection of its own. */
export interface FrontEndLedger {
  readonly ledger: Ledger & WriteStop;
  readonly views: Views;
  /** Calls back soon after the change feed has grown, in whichever thread of the process; returns how to stop. */
  onChanges(listener: () => void): () => void;
  /** Closes the port and the connection; what still waits for an answer is rejected. */
  close(): void;
}

export interface LedgerOptions {
  readonly dataDir: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The newest head is kept here too, outside the store; best on another disk (DEC-11). */
  readonly headFile?: string;
  /** The last head could not be written there. What is on record is whole, and the next start finds an older head. */
  readonly onHeadLost?: (error: Error) => void;
  /** The package's own unless told. */
  readonly migrationsDir?: string;
  /** What is kept for how long; the defaults of `purge.ts` unless told. */
  readonly retention?: Retention;
  /** The writer died: whether its last batch is durable is unknown, so the process must end. */
  readonly onFatal: (error: Error) => void;
  /** For tests of crashes. */
  readonly testing?: { readonly failpoint?: Failpoint; readonly maxPages?: number };
}

/** What leads a front end to the writer; it can be sent to another thread, the port by transfer. */
export interface LedgerLine {
  readonly port: MessagePort;
  /** The memory of the writer's `ChangeMark`. */
  readonly changes: SharedArrayBuffer;
}

export interface OpenLedger {
  /** A front end in this thread. */
  connect(): FrontEndLedger;
  /** For a front end in another thread: transfer its port, then call `openFrontEndLedger` there. */
  line(): LedgerLine;
  /** Why the store takes no facts (DEC-10, DEC-11); undefined while it takes them. */
  readOnly(): string | undefined;
  /** Calls back when it stops to take them. */
  onReadOnly(listener: (reason: string) => void): void;
  /** For a store that takes no facts: it takes them again, in the epoch that this opens (DEC-10). */
  openEpoch(opening: Omit<EpochOpening, 'now'>): Promise<void>;
  /** DEC-34. */
  probe(): Promise<void>;
  /** Retention of hot rows and openings. */
  purge(): Promise<PurgeCounts>;
  /** Empties the write-ahead log. */
  checkpoint(): Promise<void>;
  /**
   * Writes the head file if the log has grown; to be called every second. Never while the store takes no facts, which this
   * finds out too: when what another server wrote there cannot be of this log's past.
   */
  writeHead(): void;
  /** Finishes what was sent, writes the head if it can, lets go of the store. */
  close(): Promise<void>;
}

const linkOver = (port: MessagePort): WriterLink => ({
  send: (message: AppendMessage) => port.postMessage(message, [message.groups.buffer]),
  onAnswers: (listener) => port.on('message', (answers: FromWriter) => listener(answers)),
  onGone: (listener) => port.on('close', listener),
  defer: (work) => setImmediate(work),
});

/** The ledger of a front end, from the line that the writer gave and the folder. Works in any thread of the process. */
export const openFrontEndLedger = (
  { port, changes }: LedgerLine,
  dataDir: string,
  { clock, entropy }: Pick<LedgerOptions, 'clock' | 'entropy'>,
): FrontEndLedger => {
  const db = openForReading(ledgerFile(dataDir));
  const mark = new ChangeMark(changes);
  return {
    ledger: new LedgerPool(linkOver(port), clock, entropy),
    views: sqliteViews(db, mark),
    onChanges: (listener) => mark.watch(listener),
    close: () => {
      port.close();
      db.close();
    },
  };
};

/**
 * Opens the ledger of a data folder, making it when it is empty, and starts its one writer thread. Rejects with a sentence
 * for the operator when another server holds the folder, when the store is newer, damaged, or of another trust domain or
 * log, and when the head file has no place. One that knows less than the head file, or another past, opens and takes no facts.
 */
export const openLedger = async (options: LedgerOptions): Promise<OpenLedger> => {
  const { dataDir, headFile, clock, entropy, testing } = options;
  // Nothing is made for a head file without a place. In the data folder it has one once that is there.
  if (headFile !== undefined && relative(dataDir, dirname(headFile)) !== '') checkHeadPlace(headFile);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (headFile !== undefined) checkHeadPlace(headFile);
  const head = headFile === undefined ? undefined : readHeadFile(headFile);
  const changes = new SharedArrayBuffer(CHANGE_MARK_BYTES);
  const writer = await LedgerWriter.start(
    {
      changes,
      dataDir,
      trustDomain: options.trustDomain,
      migrationsDir: options.migrationsDir ?? packageMigrations(),
      now: clock.now(),
      seed: entropy.bytes(SEED_BYTES),
      ...(head && { head }),
      retention: options.retention ?? DEFAULT_RETENTION,
      ...testing,
    },
    options.onFatal,
  );
  const db = openForReading(ledgerFile(dataDir));
  const { log } = sqliteViews(db);
  const line = (): LedgerLine => ({ port: writer.connect(), changes });
  const own = (): LedgerPool => new LedgerPool(linkOver(writer.connect()), clock, entropy);
  let stopping: Promise<unknown> | undefined;
  let written = '';
  const writeHead = (): void => {
    if (headFile === undefined || writer.readOnly !== undefined) return;
    const now = log.head();
    const mark = `${now.epoch} ${now.size}`;
    if (mark === written) return;
    const other = readHeadFile(headFile);
    const reason = other && headFileContradiction(now, (size) => log.rootAt(size), other);
    if (other && reason !== undefined) {
      // Another server writes it too: on a copy of this store.
      stopping ??= own()
        .stopWrites({ reason, epoch: other.epoch })
        .catch(() => undefined);
      return;
    }
    writeHeadFile(headFile, now);
    written = mark;
  };
  return {
    connect: () => openFrontEndLedger(line(), dataDir, options),
    line,
    readOnly: () => writer.readOnly,
    onReadOnly: (listener) => writer.onReadOnly(listener),
    openEpoch: (opening) => writer.openEpoch({ ...opening, now: clock.now() }, entropy.bytes(SEED_BYTES)),
    probe: () => writer.probe(clock.now()),
    purge: () => writer.purge(clock.now()),
    checkpoint: () => writer.checkpoint(),
    writeHead,
    close: async () => {
      await writer.close();
      try {
        writeHead();
      } catch (error) {
        options.onHeadLost?.(error as Error);
      } finally {
        db.close();
      }
    },
  };
};
