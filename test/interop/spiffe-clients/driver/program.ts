import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a program prints; which members there are depends on the event. */
export interface Event {
  readonly ts: number;
  readonly event: string;
  readonly [member: string]: unknown;
}

export type Matching = (event: Event) => boolean;

const STOP_MS = 5000;

/** Those that run: a group of cases that broke off leaves its own behind. */
const running = new Set<Program>();

/** Ends what still runs. */
export const stopPrograms = async (): Promise<void> => {
  await Promise.all([...running].map((program) => program.stop()));
};

/** A running program of the suite, and everything that it said. Ended by its own process id. */
export class Program {
  readonly name: string;
  readonly events: Event[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #said = '';
  #gone = false;
  #wake = Promise.withResolvers<void>();

  constructor(name: string, [file, ...args]: readonly [string, ...string[]], environment: NodeJS.ProcessEnv = {}) {
    this.name = name;
    this.#child = spawn(file, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on('error', () => {});
    stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-20_000)));
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#take(line));
    const closed = Promise.withResolvers<void>();
    running.add(this);
    this.#child.once('error', (error) => (this.#said += String(error)));
    this.#child.once('close', () => {
      this.#gone = true;
      running.delete(this);
      this.#stir();
      closed.resolve();
    });
    this.ended = closed.promise;
  }

  #take(line: string): void {
    try {
      this.events.push(JSON.parse(line) as Event);
    } catch {
      this.#said += `${line}\n`;
    }
    this.#stir();
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get isRunning(): boolean {
    return !this.#gone;
  }

  /** What it wrote beside its events: for reports of failures. */
  get said(): string {
    return this.#said.trim();
  }

  /** Where the list of events ends now, to look only at what comes after. */
  mark(): number {
    return this.events.length;
  }

  /** The first event from `from` on that matches, once it is there. */
  async next(what: string, matching: Matching, { from = 0, within = 10_000 } = {}): Promise<Event> {
    const late = AbortSignal.timeout(within);
    for (;;) {
      const found = this.events.slice(from).find(matching);
      if (found) return found;
      if (this.#gone || late.aborted)
        throw new Error(`${this.name} ${this.#gone ? 'ended' : 'went on'} without ${what}: ${this.#last()}`);
      await Promise.race([this.#wake.promise, sleep(200)]);
    }
  }

  /** The events of a kind so far. */
  of(event: string, from = 0): readonly Event[] {
    return this.events.slice(from).filter((each) => each.event === event);
  }

  #last(): string {
    const lines = this.events.slice(-4).map((event) => JSON.stringify(event).slice(0, 200));
    return [...lines, this.said.slice(-200)].join(' | ');
  }

  say(...words: readonly string[]): void {
    this.#child.stdin?.write(`${words.join('\t')}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Closes its input, at which it ends by itself; kills it if it does not. */
  async stop(signal?: NodeJS.Signals): Promise<void> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.stdin?.end();
    if (signal) this.#child.kill(signal);
    await this.ended;
    clearTimeout(late);
  }
}
