import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/cli/index.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface Canned {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** An admin socket that gives the answers it is told, in the form of the API, and remembers what was asked. */
export class AdminStandIn {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mayfly-cli-'));
  readonly #answers: Readonly<Record<string, Canned>>;
  readonly #server: Server;
  readonly socket = join(this.#folder, 'admin.sock');
  readonly seen: Seen[] = [];

  /** Answers by `METHOD /path`. */
  constructor(answers: Readonly<Record<string, Canned>>) {
    this.#answers = answers;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const text = Buffer.concat(chunks).toString('utf8');
        this.seen.push({ method, url, headers, body: text === '' ? undefined : JSON.parse(text) });
        const canned = this.#answers[`${method} ${url.split('?', 1)[0]}`] ?? {
          status: 404,
          body: { code: 'not_found', detail: 'nothing here' },
        };
        const status = canned.status ?? 200;
        const type = status < 400 ? 'application/json' : 'application/problem+json';
        response.writeHead(status, { 'content-type': type, ...canned.headers });
        response.end(canned.body === undefined ? undefined : JSON.stringify(canned.body));
      });
    });
  }

  listen(): Promise<this> {
    return new Promise((resolve) => this.#server.listen(this.socket, () => resolve(this)));
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface CliResult {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process. */
export const runCli = async (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = '',
): Promise<CliResult> => {
  let out = '';
  let err = '';
  const exit = await run(args, {
    environment,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    input: async () => input,
  });
  return { exit, out, err };
};
