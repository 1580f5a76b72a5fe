import { join } from 'node:path';
import type { Target } from '../shared/request.ts';
import { Admin } from './admin.ts';
import { SERVER_ID } from './cast.ts';
import type { Reporter } from './reporter.ts';
import { readBundle } from './server-process.ts';
import type { Ready, ServerProcess } from './server-process.ts';

/** The running server, as everyone in the story sees it. */
export interface Stage {
  readonly ready: Ready;
  readonly admin: Admin;
  /** PEM of the roots. */
  readonly bundle: string;
  readonly api: Target;
  readonly publicListener: Target;
  /** A folder of this run for what the story needs on disk. */
  readonly folder: string;
}

/** Starts the server and waits until it can issue. */
export const setStage = (reporter: Reporter, server: ServerProcess, folder: string): Promise<Stage> =>
  reporter.step({
    name: 'start',
    title: 'A server starts: new trust domain, keys, ledger',
    byHand: '$ bin/mayfly.js dev --json',
    run: async () => {
      const ready = await server.ready();
      const bundle = readBundle(ready);
      const common = { bundle, serverId: SERVER_ID };
      return {
        ready,
        bundle,
        admin: new Admin(ready.adminSocket),
        api: { ...common, url: ready.api },
        publicListener: { ...common, url: ready.public },
        folder: join(folder, 'story'),
      };
    },
    tell: ({ ready }) => ({
      facts: { trustDomain: ready.trustDomain, api: ready.api, public: ready.public, pid: ready.pid },
      lines: [
        ['trust domain', ready.trustDomain],
        ['api', `${ready.api}  (workloads, over TLS and mTLS)`],
        ['public', `${ready.public}  (keys and metadata, for anyone)`],
        ['admin', `${ready.adminSocket}  (root and you, nobody else)`],
      ],
    }),
  });
