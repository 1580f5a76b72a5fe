import type { Command } from 'commander';
import type { WorkloadError } from '../workload/errors.ts';
import { CommandRefused, EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { publisherOf, withFiles, type FileOptions, type NamedFile } from './fetch-files.ts';
import { seconds } from './options.ts';
import type { Output } from './output.ts';
import { patiently } from './patience.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';
import { workloadAddress, type Ask } from './workload-socket.ts';

export interface FetchOptions extends FileOptions {
  readonly socket?: string;
  readonly watch?: boolean;
  readonly timeout?: number;
}

/** One way to fetch something. */
export interface Fetching<Options, Answer> {
  readonly ask: (address: string, options: Options) => Ask<Answer>;
  /** Calls `next` with every new answer until the signal aborts, and only then resolves. Rejects when nothing more will come. */
  readonly follow: (following: Following<Options, Answer>) => Promise<void>;
  /** What programs get. */
  readonly json: (answer: Answer, options: Options) => unknown;
  /** What people get. */
  readonly text: (answer: Answer, options: Options) => string;
  readonly files: (answer: Answer, options: Options) => readonly NamedFile[];
}

export interface Following<Options, Answer> {
  readonly address: string;
  readonly options: Options;
  readonly signal: AbortSignal;
  readonly next: (answer: Answer) => void;
  readonly problem: (problem: WorkloadError) => void;
}

const PATIENCE_SECONDS = 30;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Until somebody asks the process to end, or the work does by its own controller. */
const untilStopped = async (stop: AbortController, work: Promise<void>): Promise<void> => {
  const asked = (): void => stop.abort();
  for (const name of SIGNALS) process.on(name, asked);
  try {
    await work;
  } finally {
    for (const name of SIGNALS) process.off(name, asked);
  }
};

/** Handles one thing after the other; of those that came meanwhile only the newest. What fails ends it, and rejects `idle`. */
const oneByOne = <Thing>(handle: (thing: Thing) => Promise<void>, failed: () => void) => {
  let waiting: { readonly thing: Thing } | undefined;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (waiting !== undefined) {
      const { thing } = waiting;
      waiting = undefined;
      await handle(thing);
    }
    running = undefined;
  };
  return {
    add(thing: Thing): void {
      waiting = { thing };
      if (running !== undefined) return;
      running = run();
      running.catch(failed);
    },
    idle: async (): Promise<void> => running,
  };
};

/** In a watch, a command that fails is told, and the next rotation may go better. */
const telling = async (work: () => Promise<void>, output: Output): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error;
    output.note(error.message);
  }
};

/**
 * A verb of `mayfly fetch`: once, or with `--watch` until it is told to stop. What it does is loaded when it is wanted, since gRPC
 * takes longer to load than all the rest of the command line.
 */
export const fetchVerb = <Options extends FetchOptions, Answer>(
  cli: Cli,
  command: Command,
  load: () => Promise<Fetching<Options, Answer>>,
): Command => {
  command
    .option('--socket <address>', 'the Workload API: a path, unix:… or tcp:… (SPIFFE_ENDPOINT_SOCKET)')
    .option('--watch', 'stay: wait for the identity, and do it again at each rotation')
    .option(
      '--timeout <duration>',
      'how long to wait for an agent that is away; 30s, and in a watch for ever',
      seconds,
    );
  return verb<Options>(cli, withFiles(command), async ({ options, output, terminal }): Promise<ExitCode | void> => {
    const address = workloadAddress(options.socket, terminal);
    const publisher = publisherOf(options);
    const note = (message: string): void => output.note(message);
    const fetching = await load();
    const deliver = async (answer: Answer): Promise<void> => {
      publisher?.write(fetching.files(answer, options));
      // Whoever reads the line finds the files there.
      output.result(fetching.json(answer, options), () => fetching.text(answer, options));
      await publisher?.tell();
    };
    if (options.watch !== true) {
      const timeoutSeconds = options.timeout ?? PATIENCE_SECONDS;
      await deliver(await patiently(fetching.ask(address, options), { timeoutSeconds, note }));
      return;
    }
    if (options.timeout !== undefined) {
      await patiently(fetching.ask(address, options), { timeoutSeconds: options.timeout, note });
    }
    const stop = new AbortController();
    let told: string | undefined;
    const deliveries = oneByOne<Answer>(
      (answer) => telling(() => deliver(answer), output),
      () => stop.abort(),
    );
    const following = fetching.follow({
      address,
      options,
      signal: stop.signal,
      next: (answer) => {
        told = undefined;
        deliveries.add(answer);
      },
      // An agent that stays away is asked every few seconds, and told of once.
      problem: ({ code, message }) => {
        if (code !== told) output.note(`${message} (${code})`);
        told = code;
      },
    });
    await untilStopped(stop, following);
    await deliveries.idle();
    return EXIT.yes;
  });
};
