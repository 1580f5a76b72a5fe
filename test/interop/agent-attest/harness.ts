import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { workloadAttestation } from '../../../src/agent/attest-workload.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemLogger } from '../../../src/adapters/system/logger.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { type HoldOptions, holdWorkload } from '../../../src/adapters/system/workload-process.ts';
import { unixAttestor } from '../../../src/adapters/workload-attestors/unix.ts';
import type { WorkloadProcess } from '../../../src/ports/workload-attestor.ts';
import { descriptorOf } from '../../support/unix-callers.ts';

export const HERE = dirname(fileURLToPath(import.meta.url));
/** A user that nobody is. */
export const STRANGER = 61_234;

let passed = 0;
let failed = 0;

export const check = (name: string, isSo: boolean, what: unknown = 'it is not so'): void => {
  if (isSo) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${name}: ${String(what)}`);
  }
};

export const finish = (): never => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
};

/** What another run of checks counted. */
export const addCounts = (more: { readonly passed: number; readonly failed: number }): void => {
  passed += more.passed;
  failed += more.failed;
};

export const counts = (): { readonly passed: number; readonly failed: number } => ({ passed, failed });

export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** Until a process runs another program. Its words are there only after all else of it. */
export const runs = (pid: number, path: string): Promise<void> =>
  until(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`${path}\0`));

/** A process that runs `caller.py`, perhaps behind other commands such as `unshare`. */
export class Caller {
  readonly child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(socket: string, before: readonly string[] = [], after: readonly string[] = []) {
    const [command = 'python3', ...args] = [...before, 'python3', join(HERE, 'caller.py'), socket, ...after];
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!this.child.stdout) throw new Error('the caller has no output');
    this.#lines = createInterface({ input: this.child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** The next line that it says. */
  async answer(): Promise<string> {
    const { value } = (await this.#answers.next()) as { readonly value?: string };
    if (value === undefined) throw new Error('the caller ended');
    return value;
  }

  /** Tells it to do something; it answers when that is done. */
  async does(command: string): Promise<string> {
    this.say(command);
    return this.answer();
  }

  /** Tells it to do something that it does not answer. */
  say(command: string): void {
    this.child.stdin?.write(`${command}\n`);
  }

  async end(): Promise<void> {
    this.#lines.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** The agent's end: a socket whose callers are held as the agent holds them. */
export class Listening {
  readonly folder = mkdtempSync(join(tmpdir(), 'mayfly-agent-attest-'));
  readonly #server = createServer({ pauseOnConnect: true });
  readonly #sockets: Socket[] = [];

  get path(): string {
    return join(this.folder, 's');
  }

  async listen(): Promise<this> {
    chmodSync(this.folder, 0o755);
    this.#server.on('connection', (socket) => this.#sockets.push(socket));
    this.#server.listen(this.path);
    await once(this.#server, 'listening');
    chmodSync(this.path, 0o666);
    return this;
  }

  /** How many have connected so far. */
  get accepted(): number {
    return this.#sockets.length;
  }

  /** The accepted end of the nth connection, the last one unless told. */
  async socket(nth = this.#sockets.length): Promise<Socket> {
    await until(() => this.#sockets.length > nth);
    const socket = this.#sockets[nth];
    if (!socket) throw new Error('nobody connected');
    return socket;
  }

  /** Drops what was accepted. */
  drop(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }

  close(): void {
    this.drop();
    this.#server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A caller, connected, and the accepted end of its connection. */
export const call = async (
  listening: Listening,
  before: readonly string[] = [],
  after: readonly string[] = [],
): Promise<{ caller: Caller; socket: Socket }> => {
  const accepted = listening.socket();
  const caller = new Caller(listening.path, before, after);
  await caller.answer();
  return { caller, socket: await accepted };
};

export const hold = (socket: Socket, options?: HoldOptions): WorkloadProcess =>
  holdWorkload(descriptorOf(socket), options);

/** Why a caller is refused; nothing when it is not. */
export const refusalOf = (socket: Socket, options?: HoldOptions): string | undefined => {
  try {
    hold(socket, options).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

export const unix = unixAttestor({ clock: systemClock, delays: systemTimers, wanted: () => true });

/** The whole way: by the attestors, then by another look at the process. */
export const attest = workloadAttestation({
  attestors: [unix],
  clock: systemClock,
  delays: systemTimers,
  logger: systemLogger('error'),
});

export const patience = (): AbortSignal => AbortSignal.timeout(5_000);

/** The selectors of a process, or the code of the refusal. */
export const verdict = async (held: WorkloadProcess): Promise<readonly string[] | string> => {
  try {
    return (await attest(held, patience())).selectors;
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
};
