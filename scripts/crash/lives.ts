import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type AdminApi, localAdminApi, ServerRefusal } from '../../src/adapters/http-client/admin.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { parsePem } from '../../src/formats/pem.ts';
import type { Answered } from '../../test/support/http.ts';
import { type Client, type ClientCertificate, newClient } from '../../test/support/journey-client.ts';

/** Where one server of many listens, from its start to its end. */
export interface Life {
  readonly api: string;
  readonly public: string;
  readonly adminSocket: string;
  readonly bundleFile: string;
}

/** The run is over. */
export class Stopped extends Error {}

const NONE: ClientCertificate = { cert: '', keyPem: '' };
/** More than there are clients: none waits for another one's connection. */
const SOCKETS = 16;
const AGAIN_MS = 30;
const TURNED_AWAY_MS = 150;

/** The server as its clients see it: mostly there, and if not, it comes back. */
export class Lives {
  #life: Life | undefined;
  #next = Promise.withResolvers<void>();
  #gone = Promise.withResolvers<undefined>();
  #stopped = false;
  #clients = new Map<ClientCertificate, Client>();
  #toPublic: Client | undefined;
  #admin: AdminApi | undefined;

  begin(life: Life): void {
    const roots = parsePem(readFileSync(life.bundleFile, 'utf8'), 'CERTIFICATE');
    const common = { roots: () => roots, now: () => systemClock.now(), sockets: SOCKETS };
    this.#life = life;
    this.#gone = Promise.withResolvers();
    this.#clients = new Map();
    this.#toPublic = newClient({ url: life.public, ...common });
    this.#admin = localAdminApi(life.adminSocket);
    this.#next.resolve();
  }

  end(): void {
    // A server that never was ready was never waited for in vain: whoever waits goes on waiting for the next.
    if (!this.#life) return;
    this.#life = undefined;
    this.#next = Promise.withResolvers();
    // What was asked and not answered is lost now, whatever becomes of its connection.
    this.#gone.resolve(undefined);
    this.#toPublic?.close();
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** Whoever waits or asks from here on hears `Stopped`. */
  stop(): void {
    this.#stopped = true;
    this.#next.resolve();
  }

  async up(): Promise<Life> {
    for (;;) {
      if (this.#stopped) throw new Stopped();
      if (this.#life) return this.#life;
      await this.#next.promise;
    }
  }

  /** A caller of `api`, over one connection for each certificate and life. */
  api(certificate: ClientCertificate = NONE): Client {
    const life = this.#life;
    if (!life) throw new Error('the server is gone');
    const known = this.#clients.get(certificate);
    if (known) return known;
    const roots = parsePem(readFileSync(life.bundleFile, 'utf8'), 'CERTIFICATE');
    const client = newClient({
      url: life.api,
      roots: () => roots,
      now: () => systemClock.now(),
      sockets: SOCKETS,
      ...(certificate !== NONE && { certificate }),
    });
    this.#clients.set(certificate, client);
    return client;
  }

  public(): Client {
    if (!this.#toPublic || !this.#life) throw new Error('the server is gone');
    return this.#toPublic;
  }

  /**
   * Asks until an answer comes. A lost answer is asked for again in the same words: what was pending stays pending (DEC-12).
   * `busy` and rates are waited out.
   */
  async persist(ask: () => Promise<Answered>): Promise<Answered> {
    for (;;) {
      const life = await this.up();
      try {
        const answer = await Promise.race([ask(), this.#gone.promise]);
        if (answer && answer.status !== 429 && answer.status !== 503) return answer;
        if (answer) await pause(TURNED_AWAY_MS);
      } catch {
        if (this.#life === life) await pause(AGAIN_MS);
      }
    }
  }

  /** The same over the local socket of administration. A refusal is an answer too. */
  async administer(method: 'POST' | 'DELETE', path: string, body?: object): Promise<{ status: number; body: unknown }> {
    for (;;) {
      const life = await this.up();
      try {
        if (!this.#admin) throw new Error('the server is gone');
        const call = this.#admin.call({ method, path, ...(body && { body }) });
        const answer = await Promise.race([call, this.#gone.promise]);
        if (answer) return answer;
      } catch (error) {
        if (error instanceof ServerRefusal && error.status !== 503)
          return { status: error.status, body: error.document };
        if (this.#life === life) await pause(AGAIN_MS);
      }
    }
  }
}
