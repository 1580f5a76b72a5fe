import { deepEqual, equal, ok } from 'node:assert/strict';
import { LANGUAGES, type Language, uidOf } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import { check } from '../driver/table.ts';
import { is } from './material.ts';
import { clientOf, finished, forAll, mainId, type Suite, TRUST_DOMAIN } from './suite.ts';

const ROW = 'M7 mutual TLS';
const NOBODY = `spiffe://${TRUST_DOMAIN}/nobody`;

export interface Listener {
  readonly program: Program;
  readonly port: number;
}

/** A server in each language, up and listening; its user is the language's own unless told. */
export const listeners = async (
  suite: Suite,
  row: string,
  authorize: string,
  uidFor: (language: Language) => number = uidOf,
): Promise<ReadonlyMap<Language, Listener>> => {
  const found = new Map<Language, Listener>();
  await forAll(async (language) => {
    const program = clientOf(suite, language, ['serve', authorize], { uid: uidFor(language) });
    await check(row, language, `listens for ${authorize}`, async () => {
      const { port } = (await program.next('a port', is('listening'), { within: 20_000 })) as unknown as Listener;
      found.set(language, { program, port });
    });
  });
  return found;
};

interface Servers {
  readonly open: ReadonlyMap<Language, Listener>;
  /** They authorize nobody. */
  readonly closed: ReadonlyMap<Language, Listener>;
}

const checkPair = async (client: Language, server: Language, dialer: Program, servers: Servers): Promise<void> => {
  const [open, closed] = [servers.open.get(server), servers.closed.get(server)];
  if (!open || !closed) return;
  const outcome = (target: string) => dialer.events.find((event) => event['target'] === target);
  await check(ROW, client, `to ${server}`, async () => {
    const event = outcome(`${mainId(server)}@${open.port}`);
    equal(event?.event, 'connected', JSON.stringify(event));
    deepEqual(
      [event?.['peer'], event?.['text'], event?.['protocol']],
      [mainId(server), `hello from ${server}`, 'TLS 1.3'],
    );
    const seen = await open.program.next(`a connection of ${client}`, is('accepted', { peer: mainId(client) }));
    equal(seen['text'], `hello from ${client}`);
  });
  await check(ROW, client, `wants another than ${server}`, () => {
    const event = outcome(`${NOBODY}@${open.port}`);
    equal(event?.event, 'refused', JSON.stringify(event));
    const greetings = open.program.of('accepted').filter((each) => each['peer'] === mainId(client));
    equal(greetings.length, 1, 'the server heard of it all the same');
  });
  await check(ROW, client, `is not wanted by ${server}`, () => {
    const event = outcome(`any@${closed.port}`);
    equal(event?.event, 'refused', JSON.stringify(event));
    equal(closed.program.of('accepted').length, 0, 'the server took it all the same');
  });
};

/** M7: every language to every other and to itself, and both ways to be turned away. */
export const tlsCases = async (suite: Suite): Promise<void> => {
  const servers = { open: await listeners(suite, ROW, 'any'), closed: await listeners(suite, ROW, NOBODY) };
  const portOf = (among: Servers['open'], language: Language): number => among.get(language)?.port ?? 0;
  await forAll(async (client) => {
    const targets = LANGUAGES.flatMap((server) => [
      `${mainId(server)}@${portOf(servers.open, server)}`,
      `${NOBODY}@${portOf(servers.open, server)}`,
      `any@${portOf(servers.closed, server)}`,
    ]);
    const dialer = clientOf(suite, client, ['dial', ...targets]);
    if (!(await check(ROW, client, 'dials all', () => finished(dialer, 60_000)))) return;
    for (const server of LANGUAGES) await checkPair(client, server, dialer, servers);
  });
  await check(ROW, 'raw', 'every server turned somebody away', () => {
    for (const [language, { program }] of servers.closed) ok(program.of('refused').length > 0, language);
  });
  await javaDefault(suite, servers.open);
  for (const { program } of [...servers.open.values(), ...servers.closed.values()]) await program.stop();
};

/** java-spiffe takes TLS 1.2 unless told, which the crate's servers do not speak: docs/workloads/java.md says so. */
const javaDefault = async (suite: Suite, open: ReadonlyMap<Language, Listener>): Promise<void> => {
  const target = (server: Language): string => `default@any@${open.get(server)?.port ?? 0}`;
  const dialer = clientOf(suite, 'java', ['dial', ...LANGUAGES.map(target)]);
  await check(ROW, 'java', 'ends', () => finished(dialer));
  for (const server of LANGUAGES) {
    await check(ROW, 'java', `with the library's own TLS version to ${server}`, () => {
      const event = dialer.events.find((each) => each['target'] === target(server));
      if (server === 'rust') equal(event?.event, 'refused', JSON.stringify(event));
      else equal(event?.['protocol'], 'TLS 1.2', JSON.stringify(event));
    });
  }
};
