import { Refusal } from '../domain/refusal.ts';
import { CommandRefused, CouldNotTell, EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import type { Output } from './output.ts';

/** A server or an agent that serves in this process. */
interface Running {
  /** Orderly. */
  stop(): Promise<void>;
  /** Resolves when it cannot go on. It never rejects. */
  readonly fatal: Promise<Error>;
}

/** Whom to ask about a port that is taken. An agent has one only. */
const WHOSE_PORT = {
  server: 'mayfly server check says which listener wants it',
  agent: 'agent.metrics.port wants it',
} as const;

/** A disk that is full, read-only or failing. */
const DISK = /^(?:SQLITE_FULL|SQLITE_IOERR(?:_\w+)?|ENOSPC|EDQUOT|EROFS|EIO)$/;

/** Can the same start succeed later, with nothing of ours changed? Then whoever supervises us has to try again. */
const mayPass = (error: unknown): boolean => DISK.test(String((error as Partial<NodeJS.ErrnoException>).code));

const startFailure = (what: keyof typeof WHOSE_PORT, error: unknown): string | undefined => {
  if (error instanceof Refusal) {
    return error.reason === undefined ? error.message : `${error.message}: ${error.reason}`;
  }
  const { name, message, code, syscall, address, port } = error as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
  };
  if (code === 'EADDRINUSE' && syscall === 'listen') {
    return `${address ?? 'its address'} port ${port ?? ''} is taken; ${WHOSE_PORT[what]}`;
  }
  return name === 'Error' || mayPass(error) ? message : undefined;
};

/**
 * A start that must not be is an answer for the operator, in the server's own sentence; an error of another class than
 * `Error` and `Refusal` is a bug and stays one. The answer is no, but "could not tell" where the disk is in the way.
 */
export const starting = async <T>(what: keyof typeof WHOSE_PORT, start: () => Promise<T>): Promise<T> => {
  try {
    return await start();
  } catch (error) {
    const why = startFailure(what, error);
    if (why === undefined) throw error;
    const sentence = `the ${what} does not start: ${why}`;
    throw mayPass(error) ? new CouldNotTell(sentence) : new CommandRefused(sentence);
  }
};

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Keeps the process until it is told to stop or cannot go on. A stop is orderly and answers yes (DEC-37); signals that come
 * while it stops change nothing. `announce` says that it is ready; whoever reads that may stop it in the same moment. A server that cannot go on answers "could not tell": what was asked last may be on record.
 */
export const serveUntilStopped = async (
  running: Running,
  output: Output,
  announce: () => void,
  onStop: () => void = () => undefined,
): Promise<ExitCode> => {
  let asked: () => void = () => undefined;
  const signal = new Promise<void>((resolve) => {
    // A handler of signals is called with the signal, which must not become the value.
    asked = () => resolve();
  });
  for (const name of SIGNALS) process.on(name, asked);
  try {
    announce();
    const fatal = await Promise.race([signal, running.fatal]);
    if (fatal !== undefined) {
      output.note(`cannot go on: ${fatal.message}`);
      // At once: nothing that still runs may answer anyone (DEC-8).
      process.exit(EXIT.unknown);
    }
    onStop();
    await running.stop();
    return EXIT.yes;
  } finally {
    for (const name of SIGNALS) process.off(name, asked);
  }
};
