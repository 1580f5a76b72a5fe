import type { AgentStream } from './agent-stream.ts';

/**
 * Sends a stream an update part by part, standing aside in between; an update of one part is sent at once. Whatever else is
 * sent to the stream meanwhile waits until the update is complete.
 */
export const sendUpdate = async (
  stream: AgentStream,
  parts: Iterable<readonly Buffer[]>,
  standAside: () => Promise<void>,
): Promise<void> => {
  let isFirst = true;
  for (const lines of parts) {
    if (!isFirst) {
      stream.hold();
      await standAside();
    }
    isFirst = false;
    if (!stream.isOpen) return;
    stream.sendPart(lines);
  }
  stream.release();
};
