import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpAgentServer } from '../../src/adapters/http-client/agent-server.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import type { IdentityObserver } from '../../src/agent/agent-identity.ts';
import { ServerFollower } from '../../src/agent/follow-server.ts';
import type { Cursor } from '../../src/domain/cursor.ts';
import type { ServerMessage } from '../../src/formats/sync-message.ts';
import type { OwnSvid } from '../../src/ports/agent-state.ts';
import { hurried, noting } from './agent-feed.ts';
import { keepingLogger } from './http.ts';
import { testEntropy } from './ledger.ts';
import { json, newAuthority, standInClock, startStandIn } from './server-stand-in.ts';
import { TRUST_DOMAIN } from './x509.ts';

/** What a hello is answered with, unless told. */
export const HEAD = { logId: 'x', epoch: 1, size: 5, root: 'ab' };

export const say = (socket: Duplex, ...messages: readonly ServerMessage[]): void => {
  socket.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
};

export interface FollowScript {
  readonly sync: (socket: Duplex, path: string, time: number) => void;
  readonly hello?: (request: IncomingMessage, response: ServerResponse, time: number) => void;
  readonly held?: Cursor;
  readonly head?: string;
  /** Whether there is an identity from the start; true unless told. */
  readonly starts?: boolean;
  readonly svid: OwnSvid;
  /** What is to be done afterwards, the last first. */
  readonly cleanUp: (() => void | Promise<void>)[];
}

/** Follows something that answers as the script says, over real TLS. */
export const followScript = async ({ sync, hello, held, head, starts = true, svid, cleanUp }: FollowScript) => {
  const authority = await newAuthority();
  let [greeted, synced] = [0, 0];
  const standIn = await startStandIn({
    authority,
    answer: (request, response) => {
      greeted += 1;
      if (hello) hello(request, response, greeted);
      else json(response, 200, { head: HEAD, resync: false });
    },
    upgraded: (socket, path) => {
      synced += 1;
      sync(socket, path, synced);
    },
  });
  cleanUp.push(() => standIn.close());
  const trust = [authority.root.certificate.der];
  let current = starts ? svid : undefined;
  const observers = new Set<IdentityObserver>();
  const identity: string[] = [];
  const heads = [head];
  let roots: readonly Uint8Array[] = [];
  const clock = standInClock();
  const server = new HttpAgentServer({
    urls: [standIn.url],
    trustDomain: TRUST_DOMAIN,
    trust: () => trust,
    identity: () => current,
    clock,
    delays: systemTimers,
  });
  cleanUp.push(() => server.close());
  const time = hurried();
  const note = noting(held);
  const logger = keepingLogger();
  const follower = new ServerFollower({
    server,
    identity: {
      current: () => current,
      watch: (observer) => {
        observers.add(observer);
        return () => observers.delete(observer);
      },
      accepted: () => identity.push('accepted'),
      refused: () => identity.push('refused'),
      revoked: () => identity.push('revoked') > 0,
      renewNow: () => identity.push('renew'),
      settled: () => Promise.resolve(),
      cutOff: () => identity.push('cut off'),
    },
    state: { head: () => heads.at(-1), saveHead: (next) => heads.push(next) },
    trust: {
      roots: () => roots,
      learn: ({ x509Authorities }) => {
        roots = x509Authorities.map((text) => Buffer.from(text, 'base64'));
        return true;
      },
      ready: async () => undefined,
    },
    sink: note.sink,
    clock,
    delays: time.delays,
    entropy: testEntropy,
    logger,
  });
  const abort = new AbortController();
  const done = follower.run(abort.signal);
  cleanUp.push(async () => {
    abort.abort();
    await done;
  });
  const become = (next: OwnSvid | undefined): void => {
    current = next;
    for (const observer of observers) observer.identity?.(next);
  };
  return {
    follower,
    identity,
    heads,
    clock,
    logger,
    become,
    greeted: () => greeted,
    synced: () => synced,
    ...time,
    ...note,
  };
};
