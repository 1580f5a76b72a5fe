import { parentPort, workerData } from 'node:worker_threads';
import type { ControlMessage, WriterMessage, WriterOptions } from './messages.ts';
import { WriterThread } from './writer-thread.ts';

/** The entry of the writer's thread: opens the store, says whether it did, then serves. */
const say = (message: WriterMessage): void => parentPort?.postMessage(message);

const open = (): WriterThread | undefined => {
  try {
    return new WriterThread(workerData as WriterOptions, (reason) => say({ kind: 'read-only', reason }));
  } catch (error) {
    const { message, code }: Partial<NodeJS.ErrnoException> = Error.isError(error) ? error : {};
    say({ kind: 'refused', message: message ?? 'the store does not open', ...(code !== undefined && { code }) });
    return undefined;
  }
};

const writer = open();

const serve = async (message: ControlMessage): Promise<void> => {
  if (!writer) return;
  if (message.kind === 'connect') {
    writer.connect(message.port);
    return;
  }
  const purged = await writer.do(message);
  say({ kind: 'done', id: message.id, ...(purged && { purged }) });
  if (message.chore === 'close') parentPort?.close();
};

if (writer) {
  // An error is left to end the thread, and with it the process: after a failed commit nothing is certain (DEC-8).
  parentPort?.on('message', (message: ControlMessage) => void serve(message));
  say({ kind: 'ready' });
}
