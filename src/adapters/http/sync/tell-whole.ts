import type { AgentStream } from './agent-stream.ts';

/**
 * Tells a stream a whole state in parts, and lets others come in between. What else is said to it meanwhile waits until all is told.
 * A state of one part is told at once.
 */
export const tellWhole = async (
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
    stream.sayWhole(lines);
  }
  stream.letGo();
};
