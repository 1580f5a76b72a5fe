// A server whose retention runs when the bench says so, and says back what it removed. Everything else is as people run it.
import { join } from 'node:path';
import { systemLogger } from '../../../src/adapters/system/logger.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { devConfig } from '../../../src/compose/dev-config.ts';
import { startServer } from '../../../src/compose/server.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import type { Timers } from '../../../src/ports/timers.ts';

const [dataDir = '', trustDomain = ''] = process.argv.slice(2);
/** What runs less often than each minute is retention. */
const SELDOM_MS = 60_000;

const timers: Timers = {
  repeat(everyMs, work) {
    if (everyMs <= SELDOM_MS) return systemTimers.repeat(everyMs, work);
    process.on('message', () => void Promise.resolve(work()).then(() => process.send?.({ ended: true })));
    return () => undefined;
  },
};

const telling = (logger: Logger): Logger => ({
  debug: (message, fields) => logger.debug(message, fields),
  info: (message, fields) => {
    if (message === 'retention ran') process.send?.({ counts: fields });
    logger.info(message, fields);
  },
  warn: (message, fields) => logger.warn(message, fields),
  error: (message, fields) => logger.error(message, fields),
  with: (fields) => telling(logger.with(fields)),
});

const server = await startServer(
  devConfig({ trustDomain, dataDir, adminSocket: join(dataDir, 'admin.sock'), port: 0, publicPort: 0, frontEnds: 1 }),
  { dev: true, timers, logger: telling(systemLogger()) },
);
process.send?.({ ready: server.ready });
process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)));
