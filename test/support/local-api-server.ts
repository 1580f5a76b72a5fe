import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An HTTP server on a Unix socket that answers as it is told to, and keeps the paths it was asked for. */
export class LocalApiServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mayfly-local-api-'));
  readonly #server: Server;
  readonly asked: string[] = [];
  /** May be changed while it runs. */
  answer: RequestListener = (_request, response) => void response.writeHead(500).end();

  constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request.url ?? '');
      this.answer(request, response);
    });
  }

  get socket(): string {
    return join(this.#folder, 's');
  }

  async listen(): Promise<this> {
    this.#server.listen(this.socket);
    await once(this.#server, 'listening');
    return this;
  }

  /** Answers everything with one text. */
  says(text: string, status = 200): void {
    this.answer = (_request, response) => void response.writeHead(status).end(text);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
