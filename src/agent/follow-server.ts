import type { Cursor } from '../domain/cursor.ts';
import { earlier, type Instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { AgentMessage, SyncBundleMessage, SyncBye } from '../formats/sync-message.ts';
import type { AgentServer, SyncStream } from '../ports/agent-server.ts';
import type { AgentState, OwnSvid } from '../ports/agent-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import { between } from './jitter.ts';
import type { IdentityKeeper } from './keep-identity.ts';
import { isTainted, isUnder } from './own-authority.ts';
import { Pause } from './pause.ts';
import { type Ended, Returns } from './returns.ts';
import type { ServerTrust } from './server-trust.ts';
import type { SyncSink } from './sync-sink.ts';
import { WordAge } from './word-age.ts';

export interface FollowServerParts {
  readonly server: Pick<AgentServer, 'hello' | 'sync'>;
  readonly identity: Pick<
    IdentityKeeper,
    'current' | 'watch' | 'accepted' | 'refused' | 'revoked' | 'renewNow' | 'cutOff' | 'settled'
  >;
  readonly state: Pick<AgentState, 'head' | 'saveHead'>;
  readonly trust: Pick<ServerTrust, 'learn' | 'ready' | 'roots'>;
  readonly sink: SyncSink;
  readonly clock: Clock;
  readonly delays: Delays;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** A whole state, as a net against what both sides missed (design.md §10). */
const RESYNC_MS = 300_000;

/** Within this time a connection is made anew after an authority of the bundle is gone. */
const REPROVE_MS = 30_000;

/**
 * Keeps a connection to the server on which it tells what changes: `hello` with the head that was given last (DEC-11), then the
 * feed from the place that is held; each part goes to the sink, and each cursor is acknowledged when it holds. Comes back
 * after every end, later and later, and never at the same moment as everyone else.
 */
export class ServerFollower {
  readonly #parts: FollowServerParts;
  readonly #pause: Pause;
  readonly #returns: Returns;
  readonly #age: WordAge;
  #stream: SyncStream | undefined;
  #heard: Instant | undefined;
  /** The agent whose state is held: another one's is another state. */
  #agent: string | undefined;
  #staged = false;
  #bundle: SyncBundleMessage | undefined;
  #current = false;

  constructor(parts: FollowServerParts) {
    this.#parts = parts;
    this.#pause = new Pause(parts.delays);
    this.#returns = new Returns(parts.entropy);
    this.#age = new WordAge(parts.clock);
  }

  /** When the server last said, on a connection on which all that it told holds, that nothing else is so. */
  lastHeard(): Instant | undefined {
    return this.#heard;
  }

  /** Whether what is held is what the server has, as far as the connection tells. */
  isCurrent(): boolean {
    return this.#current;
  }

  /** False: there is no connection, or too much waits on it. */
  say(message: AgentMessage): boolean {
    return this.#stream?.say(message) ?? false;
  }

  /** Follows until the signal aborts. Rejects only for bugs. */
  async run(signal: AbortSignal): Promise<void> {
    const ended = this.#parts.identity.watch({ identity: () => this.#pause.end() });
    const abort = (): void => this.#pause.end();
    signal.addEventListener('abort', abort);
    try {
      while (!signal.aborted) await this.#pause.wait(await this.#follow(signal), signal);
    } finally {
      signal.removeEventListener('abort', abort);
      ended();
    }
  }

  /** One connection. Resolves with the milliseconds to wait before the next; `Infinity` waits for an identity. */
  async #follow(signal: AbortSignal): Promise<number> {
    this.#pause.begin();
    await this.#parts.identity.settled();
    const svid = this.#parts.identity.current();
    if (svid === undefined) return Infinity;
    const ended = await this.#connection(svid, signal);
    this.#pause.begin();
    this.#stream = undefined;
    this.#current = false;
    if (signal.aborted) return 0;
    this.#judge(svid, ended);
    return this.#returns.pauseAfter(ended);
  }

  async #connection(svid: OwnSvid, signal: AbortSignal): Promise<Ended> {
    try {
      await this.#parts.trust.ready();
      const goesOn = await this.#hello(svid);
      const held = this.#parts.sink.held();
      const isOwn = this.#agent === undefined || this.#agent === svid.spiffeId;
      this.#age.asked();
      const stream = await this.#parts.server.sync(goesOn && isOwn ? held : undefined, signal);
      this.#stream = stream;
      this.#agent = svid.spiffeId;
      const bye = await this.#listen(stream, svid);
      return bye === undefined ? {} : { bye };
    } catch (error) {
      return { error };
    }
  }

  /** Whether what is held still counts. */
  async #hello(svid: OwnSvid): Promise<boolean> {
    const { server, state, identity } = this.#parts;
    const { head, resync } = await server.hello(state.head());
    this.#keep('head of the log', () => state.saveHead(head));
    identity.accepted(svid);
    return !resync;
  }

  async #listen(stream: SyncStream, svid: OwnSvid): Promise<SyncBye['reason'] | undefined> {
    const { delays, entropy } = this.#parts;
    this.#staged = false;
    let stop: (() => void) | undefined;
    const later = (): void => {
      stop = delays.after(RESYNC_MS * between(entropy, 0.8, 1), () => {
        later();
        void this.#resync(stream, svid);
      });
    };
    later();
    try {
      return await this.#hear(stream, svid);
    } finally {
      stop?.();
      stream.close();
    }
  }

  /** Asks for everything, and for the head of now. That either fails is found out by the connection itself. */
  async #resync(stream: SyncStream, svid: OwnSvid): Promise<void> {
    try {
      await this.#hello(svid);
    } catch (error) {
      this.#parts.logger.debug('the server does not greet', { problem: (error as Error).message });
      if (error instanceof Refusal && error.code === 'unauthenticated') stream.close();
    }
    stream.say({ type: 'resync' });
  }

  async #hear(stream: SyncStream, svid: OwnSvid): Promise<SyncBye['reason'] | undefined> {
    const { sink } = this.#parts;
    for await (const message of stream) {
      switch (message.type) {
        case 'welcome':
          this.#age.told(message.elapsed);
          sink.lives(message);
          break;
        case 'reset':
          this.#begin(true);
          break;
        case 'entries':
          this.#begin(false);
          sink.entries(message);
          break;
        case 'revocations':
          this.#begin(false);
          sink.revocations(message);
          break;
        case 'bundle':
          this.#begin(false);
          this.#bundle = message;
          sink.bundle(message);
          break;
        case 'cursor':
          await this.#commit(stream, message.cursor, svid);
          break;
        case 'heartbeat':
          this.#age.told(message.elapsed);
          if (this.#current && !this.#staged) this.#confirm();
          break;
        case 'recorded':
          sink.recorded(message.ids);
          break;
        case 'bye':
          this.#returns.spreadOver(message.within);
          if (message.reason === 'revoked') await this.#forget(stream, svid, message.cursor);
          return message.reason;
      }
    }
    return undefined;
  }

  #begin(reset: boolean): void {
    if (this.#staged && !reset) return;
    this.#staged = true;
    this.#bundle = undefined;
    this.#parts.sink.begin(reset);
  }

  async #commit(stream: SyncStream, cursor: Cursor, svid: OwnSvid): Promise<void> {
    const { sink } = this.#parts;
    this.#begin(false);
    // What is asked for from now on is asked of a server that proves itself anew, and by an agent that does.
    if (this.#bundle) this.#learn(stream, this.#bundle, svid);
    this.#bundle = undefined;
    await sink.commit(cursor, this.#age.milliseconds);
    this.#staged = false;
    this.#returns.succeeded();
    this.#current = true;
    this.#confirm();
    stream.say({ type: 'ack', cursor });
  }

  /** The server counts it only where it is said: that a connection ends may be anyone's doing. */
  async #forget(stream: SyncStream, svid: OwnSvid, cursor: Cursor | undefined): Promise<void> {
    const { sink, identity } = this.#parts;
    if (!identity.revoked(svid)) return;
    this.#current = false;
    await sink.forgetAll();
    if (cursor !== undefined) await stream.leave({ type: 'ack', cursor });
  }

  /** Who proved themselves under an authority that is gone have to prove themselves anew, though not all agents at once. */
  #learn(stream: SyncStream, { bundle, tainted }: SyncBundleMessage, svid: OwnSvid): void {
    const { trust, identity, delays, entropy } = this.#parts;
    const before = trust.roots();
    this.#keep('bundle', () => trust.learn(bundle));
    const after = trust.roots();
    const isGone = before.some((der) => !after.some((other) => Buffer.compare(der, other) === 0));
    if (isGone) delays.after(between(entropy, 0, REPROVE_MS), () => stream.close());
    if (isGone && !isUnder(svid, after)) identity.cutOff(svid);
    else if (isTainted(svid, tainted)) identity.renewNow();
  }

  #confirm(): void {
    const age = this.#age.milliseconds;
    this.#heard = earlier(this.#parts.clock.now(), age);
    this.#parts.sink.heard(age);
  }

  /** A disk that fails must not keep the agent from hearing of revocations. */
  #keep(what: string, save: () => unknown): void {
    try {
      save();
    } catch (error) {
      this.#parts.logger.error(`the ${what} is not kept`, { error: (error as Error).message });
    }
  }

  #judge(svid: OwnSvid, { bye, error }: Ended): void {
    const { identity, logger } = this.#parts;
    // It came with the newest SVID that there is, and that has not ended.
    if (bye === 'expired' && identity.current()?.serial === svid.serial) identity.refused(svid);
    else if (error instanceof Refusal && error.code === 'unauthenticated') identity.refused(svid);
    const problem = error === undefined ? undefined : (error as Error).message;
    const fields = { ...(bye && { bye }), ...(problem !== undefined && { problem }) };
    if (error === undefined || error instanceof Refusal) logger.info('the connection to the server has ended', fields);
    else logger.error('the agent could not follow its server', fields);
  }
}
