import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { onCore } from './cores.ts';
import type { LoadIdentity } from './load.ts';

/** Where the load goes. */
export interface Target {
  readonly address: string;
  readonly serverName: string;
  /** PEM. */
  readonly ca: string;
}

/** Requests that are due at a steady rate, whether or not those before were answered. */
export interface Phase {
  readonly rate: number;
  readonly durationMs: number;
}

/** Requests of one kind; each identity has a connection of its own. */
export interface Stream {
  readonly name: string;
  readonly path: string;
  readonly contentType: string;
  readonly identities: readonly LoadIdentity[];
  readonly phases: readonly Phase[];
}

/** What became of one phase. Latencies count from the moment at which a request was due. */
export interface PhaseResult {
  readonly due: number;
  readonly seconds: number;
  /** By status; 0 for requests without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly refused_p50_ms: number;
  readonly refused_p99_ms: number;
  /** Refusals with `Retry-After`. */
  readonly retry_after: number;
  /** Until things were normal for good, from the start of the phase. */
  readonly settled_ms: number;
}

export interface StreamResult {
  readonly name: string;
  readonly phases: readonly PhaseResult[];
  /** Whole answers: one in many of those with 200, and all that should not be. */
  readonly samples: readonly string[];
  readonly errors: readonly string[];
}

/** How much of a core each side used in a phase of the first stream. */
export interface Usage {
  readonly load: number;
  readonly server: number;
}

export interface OpenResult {
  readonly streams: readonly StreamResult[];
  readonly cpu: readonly Usage[];
}

const GRACE_MS = 120_000;

const startGenerator = (generator: string, job: object, timeout: number): ChildProcess => {
  const [program, args] = onCore('load', [generator]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout });
  child.stdin?.write(JSON.stringify(job));
  return child;
};

const outputOf = (child: ChildProcess): NonNullable<ChildProcess['stdout']> => {
  if (child.stdout) return child.stdout;
  throw new Error('the load generator has no output');
};

/** An open loop of several streams at once. `patienceMs`: an answer that takes longer is not normal. */
export const runOpenLoad = async (
  generator: string,
  target: Target,
  streams: readonly Stream[],
  how: { readonly sampleEvery: number; readonly patienceMs: number; readonly serverPid: number },
): Promise<OpenResult> => {
  const length = Math.max(...streams.map(({ phases }) => phases.reduce((sum, { durationMs }) => sum + durationMs, 0)));
  const child = startGenerator(generator, { ...target, ...how, streams }, length + GRACE_MS);
  child.stdin?.end();
  const output = await text(outputOf(child));
  if (output === '') throw new Error('the load generator gave no result');
  return JSON.parse(output) as OpenResult;
};

/** How many connections of each kind are in the way. */
export interface CrowdKinds {
  /** TCP only: the handshake never begins. */
  readonly silent: number;
  /** A client certificate, one request, then nothing. */
  readonly idle: number;
  /** Headers an octet a second. */
  readonly headers: number;
  /** A body an octet a second. */
  readonly body: number;
  /** Asks for large answers, and reads none. */
  readonly unread: number;
}

export interface CrowdResult {
  readonly open: number;
  /** How often the server ended one. */
  readonly ended: number;
}

export interface Crowd {
  /** Lets them all go. */
  end(): Promise<CrowdResult>;
}

/** Opens a crowd of connections; resolves when all were opened once. Those that the server ends come back. */
export const openCrowd = async (
  generator: string,
  target: Target,
  kinds: CrowdKinds,
  identities: readonly LoadIdentity[],
): Promise<Crowd> => {
  const child = startGenerator(generator, { ...target, crowd: { ...kinds, identities } }, GRACE_MS * 2);
  const lines = createInterface(outputOf(child));
  const gone = once(child, 'exit').then(() => Promise.reject(new Error('the crowd ended by itself')));
  gone.catch(() => undefined);
  await Promise.race([once(lines, 'line'), gone]);
  return {
    end: async () => {
      const line = once(lines, 'line') as Promise<[string]>;
      child.stdin?.end();
      const [answer] = await Promise.race([line, gone]);
      return JSON.parse(answer) as CrowdResult;
    },
  };
};
