import type { Logger } from '../../src/ports/logger.ts';

/** For tests that do not read what is logged. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};
