import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/compose/config.ts';
import type { Answered } from './http.ts';
import { csrOf, type Held, heldFrom, Journey, journeyConfig } from './journey.ts';
import { newKey } from './x509.ts';

/** What an agent keeps of the log. */
export type Head = Readonly<Record<'logId' | 'root' | 'agent' | 'mac', string> & Record<'epoch' | 'size', number>>;

/** A folder for data, a seal key apart from it, and servers that come and go on them. */
export class RestoreWorld {
  readonly root = mkdtempSync(join(tmpdir(), 'mayfly-restore-'));
  readonly #running: Journey[] = [];

  at(name: string): string {
    return join(this.root, name);
  }

  config(dataDir: string, more: Partial<Config['server']> = {}): Config {
    return journeyConfig(
      { configure: (server) => ({ ...server, sealKey: this.at('seal.key'), ...more }) },
      this.at(dataDir),
    );
  }

  async start(dataDir = 'data', more: Partial<Config['server']> = {}): Promise<Journey> {
    mkdirSync(this.at(dataDir), { recursive: true, mode: 0o700 });
    const configure = (server: Config['server']) => ({ ...server, sealKey: this.at('seal.key'), ...more });
    const journey = await Journey.start({ dataDir: this.at(dataDir), configure, frontEnds: 2 });
    this.#running.push(journey);
    return journey;
  }

  /** Copies a folder whose server is stopped; what was there is replaced. */
  copy(from: string, to: string): void {
    rmSync(this.at(to), { recursive: true, force: true });
    cpSync(this.at(from), this.at(to), { recursive: true, filter: (path) => !path.endsWith('.sock') });
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.map((journey) => journey.stop()));
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Greets the server as an agent does; the bare answer. */
export const greet = (journey: Journey, as: Held | undefined, head?: Head): Promise<Answered> =>
  journey.api(as, { fresh: true }).postJson('/v1/hello', head === undefined ? {} : { head });

/** The head that a greeting gave. */
export const headOf = (answer: Answered): Head => {
  if (answer.status !== 200) throw new Error(`not greeted: ${answer.text}`);
  return answer.json()['head'] as Head;
};

/** Renews an identity; the bare answer, and what its holder then has. */
export const renew = async (journey: Journey, held: Held): Promise<{ answer: Answered; renewed?: Held }> => {
  const key = newKey();
  const answer = await journey.api(held, { fresh: true }).postJson('/v1/svids/x509', { items: [{ csr: csrOf(key) }] });
  if (answer.status !== 200) return { answer };
  const { items } = answer.json() as unknown as { items: readonly unknown[] };
  return { answer, renewed: heldFrom(items[0], key) };
};
