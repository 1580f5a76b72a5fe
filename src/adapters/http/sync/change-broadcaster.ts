import type { SyncBye } from '../../../formats/sync-message.ts';
import type { Change } from '../../../ports/views.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import type { FeedWriter } from '../../../usecases/feed-writer.ts';
import { standAside } from '../stand-aside.ts';
import type { AgentStream } from './agent-stream.ts';
import { Outbox } from './outbox.ts';
import { ChangeRouter } from './change-router.ts';
import type { StreamTable } from './stream-table.ts';
import { voidReason } from './void-identity.ts';

/** How many streams are written to in one turn of the event loop. */
const STREAMS_PER_TURN = 100;
/** After a revocation every agent is sent the new cursor, to confirm it by; at most once in so many ticks. */
const TICKS_PER_BROADCAST = 5;

/** How the kinds of facts about revocations begin. */
const REVOCATIONS = 'revo';

const about = (kind: string, changes: readonly Change[]): readonly Change[] =>
  changes.filter((change) => change.kind.startsWith(kind));

export interface BroadcasterParts {
  readonly issuer: Issuer;
  readonly writer: FeedWriter;
  readonly table: StreamTable;
  /** Resolves once the server's own certificate comes from none of these issuing CAs, or cannot come from any other. */
  readonly moved: (tainted: readonly string[]) => Promise<void>;
  readonly end: (stream: AgentStream, reason: SyncBye['reason']) => void;
  /** Sending failed in the middle of a batch: it is not known which agents got it. */
  readonly failed: (error: unknown) => void;
}

/** Sends changes to the agents that they concern, batch by batch; what comes while one is sent makes up the next. */
export class ChangeBroadcaster {
  readonly #parts: BroadcasterParts;
  readonly #router: ChangeRouter;
  readonly #outbox = new Outbox();
  #queue: Change[] = [];
  #isSending = false;
  #owesAll = false;
  #ticksLeft = 0;
  /** Called when more changes have come. */
  #more: (() => void) | undefined;

  constructor(parts: BroadcasterParts) {
    this.#parts = parts;
    this.#router = new ChangeRouter(parts.issuer, parts.writer, parts.table, standAside);
  }

  /** Whether a batch is being sent: some agents have it already, and others do not. */
  get isSending(): boolean {
    return this.#isSending;
  }

  broadcast(changes: readonly Change[]): void {
    for (const change of changes) this.#queue.push(change);
    this.#more?.();
    this.#run();
  }

  /** Sends it nothing of the present batch: it was sent a newer snapshot, or is closed. */
  forget(stream: AgentStream): void {
    this.#outbox.forget(stream);
  }

  tick(): void {
    if (this.#ticksLeft > 0) this.#ticksLeft -= 1;
    this.#run();
  }

  #isDue(): boolean {
    return this.#queue.length > 0 || (this.#owesAll && this.#ticksLeft === 0);
  }

  #run(): void {
    if (this.#isSending || !this.#isDue()) return;
    this.#isSending = true;
    this.#sendAll()
      .catch((error: unknown) => {
        this.#queue = [];
        this.#parts.failed(error);
      })
      .finally(() => {
        this.#isSending = false;
        this.#run();
      });
  }

  async #sendAll(): Promise<void> {
    // The request that brought the change is answered first.
    await standAside();
    while (this.#isDue()) {
      await this.#sendBatch();
      await standAside();
    }
  }

  async #sendBatch(): Promise<void> {
    const { writer, table } = this.#parts;
    if (about('authority-', this.#queue).length > 0) await this.#untilMoved();
    const batch = this.#queue;
    this.#queue = [];
    // The cursor of this batch: changes that become known later are not among its lines.
    const { index, line } = writer.cursor();
    const entries = about('entry-', batch);
    const revocations = about(REVOCATIONS, batch);
    const authorities = about('authority-', batch);
    if (entries.length > 0) await this.#router.entries(entries, this.#outbox);
    if (revocations.length > 0) await this.#router.revocations(revocations, this.#outbox);
    if (authorities.length > 0) this.#outbox.add(table.all(), [writer.bundle()]);
    if (revocations.length > 0) this.#owesAll = true;
    if (this.#owesAll && this.#ticksLeft === 0) {
      this.#outbox.add(table.all(), []);
      this.#owesAll = false;
      this.#ticksLeft = TICKS_PER_BROADCAST;
    }
    const mayVoid = revocations.length > 0 || authorities.length > 0;
    await this.#outbox.drain(STREAMS_PER_TURN, standAside, (stream, lines) => {
      lines.push(line);
      this.#send(stream, index, lines, mayVoid);
    });
  }

  /** An agent that hears of a lost authority connects anew at once, and must meet a certificate of another authority. */
  async #untilMoved(): Promise<void> {
    const moved = this.#parts.moved(this.#parts.writer.tainted()).then(() => 'moved' as const);
    // May reject before it is awaited below, while revocations are sent ahead; the rejection is met there.
    moved.catch(() => undefined);
    let seen = 0;
    let next: 'more' | 'moved' = 'more';
    while (next === 'more') {
      const { promise: more, resolve } = Promise.withResolvers<'more'>();
      this.#more = () => resolve('more');
      const revocations = about(REVOCATIONS, this.#queue.slice(seen));
      seen = this.#queue.length;
      if (revocations.length > 0) await this.#sendAhead(revocations);
      next = await Promise.race([moved, more]);
    }
    this.#more = undefined;
  }

  /** A revocation waits for nothing (P2): it is sent with the cursor that an agent has already, and again in its order. */
  async #sendAhead(revocations: readonly Change[]): Promise<void> {
    await this.#router.revocations(revocations, this.#outbox);
    await this.#outbox.drain(STREAMS_PER_TURN, standAside, (stream, lines) => {
      lines.push(this.#parts.writer.lineOf(stream.sent));
      this.#send(stream, stream.sent, lines, true);
    });
  }

  #send(stream: AgentStream, index: number, lines: readonly Buffer[], mayVoid: boolean): void {
    // A stream opened meanwhile began with a snapshot that is newer.
    if (stream.sent <= index) {
      stream.sent = index;
      stream.send(lines);
    }
    const reason = mayVoid ? voidReason(this.#parts.issuer, stream) : undefined;
    if (reason) this.#parts.end(stream, reason);
  }
}
