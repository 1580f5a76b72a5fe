import type { SyncBye } from '../../../formats/sync-message.ts';
import type { Change } from '../../../ports/views.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import type { AgentTales } from '../../../usecases/tell-agent.ts';
import type { AgentStream } from './agent-stream.ts';
import { Outbox } from './outbox.ts';
import { Spread } from './spread.ts';
import type { StreamTable } from './stream-table.ts';
import { turn } from './turn.ts';
import { voidReason } from './void-identity.ts';

/** Streams told in one turn of the event loop. */
const TOLD_PER_TURN = 100;
/** After a revocation all agents are told the place, but not more often than this. */
const TICKS_PER_BROADCAST = 5;

/** What kinds of them begin with. */
const REVOCATIONS = 'revo';

const about = (kind: string, changes: readonly Change[]): readonly Change[] =>
  changes.filter((change) => change.kind.startsWith(kind));

export interface TellerParts {
  readonly issuer: Issuer;
  readonly tales: AgentTales;
  readonly table: StreamTable;
  /** Resolves once this server proves itself by none of these issuing CAs, or cannot do without them. */
  readonly moved: (tainted: readonly string[]) => Promise<void>;
  readonly end: (stream: AgentStream, reason: SyncBye['reason']) => void;
  /** Something went wrong in the middle: nobody can say who missed what. */
  readonly failed: (error: unknown) => void;
}

/** Tells changes to those whom they concern, one batch after the other; what comes meanwhile is the next batch. */
export class Teller {
  readonly #parts: TellerParts;
  readonly #spread: Spread;
  readonly #outbox = new Outbox();
  #queue: Change[] = [];
  #isTelling = false;
  #owesAll = false;
  #ticksLeft = 0;
  /** Called when more is to be told. */
  #more: (() => void) | undefined;

  constructor(parts: TellerParts) {
    this.#parts = parts;
    this.#spread = new Spread(parts.issuer, parts.tales, parts.table, turn);
  }

  /** Whether some have not heard yet what others have. */
  get isTelling(): boolean {
    return this.#isTelling;
  }

  tell(changes: readonly Change[]): void {
    for (const change of changes) this.#queue.push(change);
    this.#more?.();
    this.#run();
  }

  /** It was told everything meanwhile, or is gone. */
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
    if (this.#isTelling || !this.#isDue()) return;
    this.#isTelling = true;
    this.#tellAll()
      .catch((error: unknown) => {
        this.#queue = [];
        this.#parts.failed(error);
      })
      .finally(() => {
        this.#isTelling = false;
        this.#run();
      });
  }

  async #tellAll(): Promise<void> {
    // The request that brought the change is answered first.
    await turn();
    while (this.#isDue()) {
      await this.#tellBatch();
      await turn();
    }
  }

  async #tellBatch(): Promise<void> {
    const { tales, table } = this.#parts;
    if (about('authority-', this.#queue).length > 0) await this.#untilMoved();
    const batch = this.#queue;
    this.#queue = [];
    // The place of this batch: what is known a moment later may not be told yet.
    const { index, line } = tales.cursor();
    const entries = about('entry-', batch);
    const revocations = about(REVOCATIONS, batch);
    const authorities = about('authority-', batch);
    if (entries.length > 0) await this.#spread.entries(entries, this.#outbox);
    if (revocations.length > 0) await this.#spread.revocations(revocations, this.#outbox);
    if (authorities.length > 0) this.#outbox.add(table.all(), [tales.bundle()]);
    if (revocations.length > 0) this.#owesAll = true;
    if (this.#owesAll && this.#ticksLeft === 0) {
      this.#outbox.add(table.all(), []);
      this.#owesAll = false;
      this.#ticksLeft = TICKS_PER_BROADCAST;
    }
    const mayVoid = revocations.length > 0 || authorities.length > 0;
    await this.#outbox.empty(TOLD_PER_TURN, turn, (stream, lines) => {
      lines.push(line);
      this.#say(stream, index, lines, mayVoid);
    });
  }

  /** Who is told that an authority is gone comes back at once, and must find a server that proves itself without it. */
  async #untilMoved(): Promise<void> {
    const moved = this.#parts.moved(this.#parts.tales.tainted()).then(() => 'moved' as const);
    // It may fail while revocations are told ahead: it is waited for only then, and says so there.
    moved.catch(() => undefined);
    let seen = 0;
    let next: 'more' | 'moved' = 'more';
    while (next === 'more') {
      const { promise: more, resolve } = Promise.withResolvers<'more'>();
      this.#more = () => resolve('more');
      const revocations = about(REVOCATIONS, this.#queue.slice(seen));
      seen = this.#queue.length;
      if (revocations.length > 0) await this.#tellAhead(revocations);
      next = await Promise.race([moved, more]);
    }
    this.#more = undefined;
  }

  /** Nobody waits a second for a revocation (P2): each agent hears of it at the place that it has, and again in its order. */
  async #tellAhead(revocations: readonly Change[]): Promise<void> {
    await this.#spread.revocations(revocations, this.#outbox);
    await this.#outbox.empty(TOLD_PER_TURN, turn, (stream, lines) => {
      lines.push(this.#parts.tales.lineOf(stream.told));
      this.#say(stream, stream.told, lines, true);
    });
  }

  #say(stream: AgentStream, index: number, lines: readonly Buffer[], mayVoid: boolean): void {
    // Who came meanwhile was told all of this, and more.
    if (stream.told <= index) {
      stream.told = index;
      stream.say(lines);
    }
    const reason = mayVoid ? voidReason(this.#parts.issuer, stream) : undefined;
    if (reason) this.#parts.end(stream, reason);
  }
}
