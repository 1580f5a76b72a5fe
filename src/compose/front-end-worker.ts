import { parentPort, workerData } from 'node:worker_threads';
import { openFrontEndLedger } from '../adapters/sqlite/open-ledger.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { systemLogger } from '../adapters/system/logger.ts';
import { systemTimers } from '../adapters/system/timers.ts';
import type { FrontEndStart, FromFrontEnd, ToFrontEnd } from './front-end-messages.ts';
import { FrontEnd } from './front-end.ts';
import { WorkerExchange } from './worker-exchange.ts';

/** The entry of a further front end's thread. */
const say = (message: FromFrontEnd): void => parentPort?.postMessage(message);

const { share, ledgerLine, identities, ports } = workerData as FrontEndStart;
const parts = { clock: systemClock, entropy: systemEntropy(), delays: systemTimers, logger: systemLogger() };
const opened = openFrontEndLedger(ledgerLine, share.config.server.dataDir, parts);
const agents = new WorkerExchange(say);
const frontEnd = new FrontEnd(share, { ...parts, opened, agents });

const hear = async (message: ToFrontEnd): Promise<void> => {
  switch (message.kind) {
    case 'identity':
      return frontEnd.replaceIdentity(message.own);
    case 'health':
      return frontEnd.health.tell(message.report);
    case 'flush-denials':
      return frontEnd.flushDenials();
    case 'purged':
      return frontEnd.forgetPurged();
    case 'metrics':
      return say({ kind: 'metrics', id: message.id, metrics: await frontEnd.metrics.serialise() });
    case 'superseded':
      return frontEnd.superseded(message.credential);
    case 'presence':
      return agents.answered(message.id, message.presence);
    case 'close':
      await frontEnd.stopServing();
      frontEnd.letGo();
      say({ kind: 'closed' });
      parentPort?.close();
  }
};

// An error is left to end the thread, and with it the process: a front end less is not a server that works.
parentPort?.on('message', (message: ToFrontEnd) => void hear(message));

frontEnd.listen(identities, ports).then(
  () => say({ kind: 'ready' }),
  (error: unknown) => say({ kind: 'failed', message: Error.isError(error) ? error.message : 'it does not listen' }),
);
