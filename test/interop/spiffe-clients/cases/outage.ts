import { equal, notDeepEqual } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../driver/agent.ts';
import { LANGUAGES, type Language, otherUid } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import { rawCall } from '../driver/raw-call.ts';
import { check } from '../driver/table.ts';
import { Way } from '../driver/way.ts';
import { is, serialsOf, svidsOf } from './material.ts';
import { admitAgent, clientOf, entryFor, type Suite, TRUST_DOMAIN } from './suite.ts';

const [PERMISSION_DENIED, UNAVAILABLE] = [7, 14];
/** The pauses of java-spiffe are 1, 2, 4 … seconds. */
const RECOVERY_MS = 20_000;
const PUSH_MS = 3000;

type Watchers = ReadonlyMap<Language, Program>;

const uidOf = (language: Language): number => otherUid(language, 1);
const idOf = (language: Language, which: string): string => `spiffe://${TRUST_DOMAIN}/far/${language}/${which}`;

/** Entries whose ids are `far-LANGUAGE-NAME`. */
const entries = (agent: Agent, which: string, name = which) =>
  LANGUAGES.map((language) =>
    entryFor(agent, uidOf(language), { id: `far-${language}-${name}`, spiffeId: idOf(language, which), hint: which }),
  );

const marksOf = (watchers: Watchers): ReadonlyMap<Language, number> =>
  new Map([...watchers].map(([language, program]) => [language, program.mark()]));

/** Every watcher gets an SVID after `marks`. */
const allRecover = async (row: string, watchers: Watchers, marks: ReadonlyMap<Language, number>): Promise<void> => {
  await Promise.all(
    [...watchers].map(([language, program]) =>
      check(row, language, 'gets an SVID again', async () => {
        const from = marks.get(language) ?? 0;
        const before = program.events.slice(0, from).findLast(is('x509'));
        const event = await program.next('an SVID', is('x509'), { from, within: RECOVERY_MS });
        if (before) notDeepEqual(serialsOf(event), serialsOf(before), 'the SVID of before, and its key');
        // The crate's source does not tell of keys that are the same as before.
        if (language !== 'rust') await program.next('keys for tokens', is('jwtbundles'), { from, within: RECOVERY_MS });
      }),
    ),
  );
};

/** M10: clients come while the agent has not heard of its server. */
const notReady = async (suite: Suite, agent: Agent, way: Way): Promise<Watchers> => {
  const row = 'M10 agent not ready';
  way.close();
  await agent.start();
  const watchers = new Map(
    LANGUAGES.map((language) => [
      language,
      clientOf(suite, language, ['watch'], { socket: agent.socket, uid: uidOf(language) }),
    ]),
  );
  await check(row, 'raw', 'unavailable', async () => {
    const { code, message } = await rawCall(agent.socket, '/SpiffeWorkloadAPI/FetchX509SVID', {
      'workload.spiffe.io': 'true',
    });
    equal(code, UNAVAILABLE, message);
  });
  await check(row, 'go', 'unavailable', async () => {
    const error = await watchers.get('go')?.next('an error', is('error', { call: 'x509' }));
    equal(error?.['code'], UNAVAILABLE, JSON.stringify(error));
  });
  // Long enough for every runtime to have asked at least once.
  await sleep(2500);
  for (const [language, program] of watchers) {
    await check(row, language, 'goes on asking', () => {
      equal(program.of('x509').length, 0);
      equal(program.of('ended').length, 0, JSON.stringify(program.of('ended')));
    });
  }
  way.reopen();
  await allRecover(row, watchers, new Map());
  await check(row, 'java', 'its source has material', () =>
    watchers.get('java')?.next('material', is('source'), { within: RECOVERY_MS }),
  );
  return watchers;
};

/** M11: the agent goes and comes again. */
const restart = async (row: string, agent: Agent, watchers: Watchers, signal: NodeJS.Signals): Promise<void> => {
  const marks = marksOf(watchers);
  await agent.stop(signal);
  for (const language of ['go', 'node'] as const) {
    await check(row, language, 'the stream ends with UNAVAILABLE', async () => {
      const from = marks.get(language) ?? 0;
      const error = await watchers.get(language)?.next('an error', is('error', { call: 'x509' }), { from });
      equal(error?.['code'], UNAVAILABLE, JSON.stringify(error));
    });
  }
  await agent.start();
  await allRecover(row, watchers, marks);
};

/** Libraries that tell the program when there is no identity any more; py-spiffe and java-spiffe ask again and say nothing. */
const TELLING = ['go', 'rust', 'node'] as const;

/** M14: one identity is withdrawn, then the other; then one comes back. */
const withdraw = async (suite: Suite, agent: Agent, watchers: Watchers): Promise<void> => {
  const row = 'M14 withdrawal';
  let marks = marksOf(watchers);
  for (const language of LANGUAGES) await suite.server.remove(`far-${language}-second`);
  for (const [language, program] of watchers) {
    await check(row, language, 'one of two', async () => {
      const event = await program.next('an update', is('x509'), { from: marks.get(language) ?? 0, within: PUSH_MS });
      equal(
        svidsOf(event)
          .map(({ id }) => id)
          .join(),
        idOf(language, 'main'),
      );
    });
  }
  marks = marksOf(watchers);
  for (const language of LANGUAGES) await suite.server.remove(`far-${language}-main`);
  for (const language of TELLING) {
    await check(row, language, 'the last', async () => {
      const from = marks.get(language) ?? 0;
      const isGone = is('error', { call: 'x509', code: PERMISSION_DENIED });
      await watchers.get(language)?.next('PERMISSION_DENIED', isGone, { from, within: PUSH_MS });
    });
  }
  marks = marksOf(watchers);
  await suite.server.entries(entries(agent, 'main', 'again'));
  await allRecover(row, watchers, marks);
};

/** M10, M11 and M14, before an agent of their own. */
export const outageCases = async (suite: Suite): Promise<void> => {
  const way = await Way.to(suite.server.api);
  const agent = await admitAgent(suite, 'far', way.url);
  for (const which of ['main', 'second']) await suite.server.entries(entries(agent, which));
  let watchers: Watchers = new Map();
  try {
    // Once with its server, so that it has an identity to come back with.
    await agent.start();
    const first = clientOf(suite, 'go', ['watch'], { socket: agent.socket, uid: uidOf('go') });
    await check('M10 agent not ready', 'go', 'is served at first', () =>
      first.next('an SVID', is('x509'), { within: 20_000 }),
    );
    await first.stop();
    await agent.stop();
    watchers = await notReady(suite, agent, way);
    await restart('M11 restart', agent, watchers, 'SIGTERM');
    await restart('M11 kill -9', agent, watchers, 'SIGKILL');
    await withdraw(suite, agent, watchers);
  } finally {
    await Promise.all([...watchers.values()].map((program) => program.stop()));
    await agent.stop();
    way.end();
  }
};
