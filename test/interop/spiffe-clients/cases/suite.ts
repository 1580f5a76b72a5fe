import { join } from 'node:path';
import { Agent } from '../driver/agent.ts';
import { LANGUAGES, type Language, runClient, type RunOptions, uidOf } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import type { Entry, Server } from '../driver/server.ts';

/** What all cases share. */
export interface Suite {
  readonly folder: string;
  readonly programs: string;
  readonly server: Server;
  readonly agent: Agent;
}

export const TRUST_DOMAIN = 'example.org';
/** The shortest that there is. Seconds. */
export const X509_TTL = 300;

export const mainId = (language: Language): string => `spiffe://${TRUST_DOMAIN}/${language}`;
export const secondId = (language: Language): string => `spiffe://${TRUST_DOMAIN}/${language}/second`;

/** An entry for a user of this machine behind an agent. */
export const entryFor = (agent: Agent, uid: number, more: Pick<Entry, 'id' | 'spiffeId'> & Partial<Entry>): Entry => ({
  parentId: agent.spiffeId,
  selectors: [`unix:uid:${uid}`],
  x509Ttl: X509_TTL,
  ...more,
});

/** Two identities for each language; the first is the default, being older. */
export const admitLanguages = async ({ server, agent }: Suite): Promise<void> => {
  const entries = (suffix: string, idOf: (language: Language) => string): readonly Entry[] =>
    LANGUAGES.map((language) =>
      entryFor(agent, uidOf(language), { id: `${language}-${suffix}`, spiffeId: idOf(language), hint: suffix }),
    );
  await server.entries(entries('main', mainId));
  await server.entries(entries('second', secondId));
};

export const clientOf = (
  { programs, agent }: Suite,
  language: Language,
  args: readonly string[],
  more: Partial<RunOptions> = {},
): Program => runClient(language, args, { programs, socket: agent.socket, ...more });

/** Runs a program that ends by itself, and gives it back once it has. */
export const finished = async (program: Program, within = 30_000): Promise<Program> => {
  await program.next('an end', (event) => event.event === 'done', { within });
  await program.stop();
  return program;
};

export const admitAgent = (suite: Pick<Suite, 'folder' | 'server'>, name: string, api?: string): Promise<Agent> =>
  Agent.admit(suite.server, join(suite.folder, name), name, api);

/** The same for every language at once. */
export const forAll = <Value>(run: (language: Language) => Promise<Value>): Promise<readonly Value[]> =>
  Promise.all(LANGUAGES.map(run));
