import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mayfly, startMayfly } from './mayfly.ts';
import type { Program } from './program.ts';

/** An entry as its file has it. */
export interface Entry {
  readonly id: string;
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selectors: readonly string[];
  readonly hint?: string;
  readonly x509Ttl?: number;
  readonly jwtTtl?: number;
}

export interface Authority {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
  readonly certificate?: string;
  /** The id of the root above an issuing CA. */
  readonly issuer?: string;
}

/** A server of one trust domain, worked by its administrator's commands. */
export class Server {
  readonly trustDomain: string;
  readonly api: string;
  readonly bundleFile: string;
  readonly #process: Program;
  readonly #folder: string;
  readonly #socket: string;
  #files = 0;

  private constructor(process: Program, folder: string, line: Readonly<Record<string, unknown>>) {
    this.#process = process;
    this.#folder = folder;
    this.trustDomain = String(line['trustDomain']);
    this.api = String(line['api']);
    this.bundleFile = String(line['bundleFile']);
    this.#socket = String(line['adminSocket']);
  }

  static async start(folder: string, trustDomain: string): Promise<Server> {
    const process = startMayfly('dev', '--trust-domain', trustDomain);
    const line = await process.next('its first line', (event) => 'adminSocket' in event, { within: 30_000 });
    return new Server(process, folder, line);
  }

  /** What it logs. */
  get said(): string {
    return this.#process.said;
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  async stop(): Promise<void> {
    await this.#process.stop('SIGTERM');
  }

  admin(...args: readonly string[]): Promise<unknown> {
    return mayfly(...args, '--socket', this.#socket);
  }

  /** Makes entries, or changes those of the same ids. */
  async entries(entries: readonly Entry[]): Promise<void> {
    this.#files += 1;
    const file = join(this.#folder, `entries-${this.#files}.json`);
    writeFileSync(file, JSON.stringify({ entries }));
    await this.admin('entry', 'apply', '--file', file, '--yes');
  }

  async remove(id: string): Promise<void> {
    await this.admin('entry', 'delete', id, '--yes');
  }

  async authorities(purpose: string, state?: string): Promise<readonly Authority[]> {
    const all = (await this.admin('authority', 'list')) as readonly Authority[];
    return all.filter((each) => each.purpose === purpose && (state === undefined || each.state === state));
  }

  /** The only authority of this purpose in this state. */
  async authority(purpose: string, state: string): Promise<Authority> {
    const [found, ...more] = await this.authorities(purpose, state);
    if (found === undefined || more.length > 0)
      throw new Error(`not one ${state} ${purpose}, but ${more.length + (found ? 1 : 0)}`);
    return found;
  }
}
