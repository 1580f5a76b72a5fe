import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LANGUAGES, type Language, otherUid, uidOf } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import type { Authority } from '../driver/server.ts';
import { check } from '../driver/table.ts';
import { bundleOf, is, serialsOf } from './material.ts';
import type { Watchers } from './rotation.ts';
import { clientOf, entryFor, finished, forAll, type Suite, TRUST_DOMAIN } from './suite.ts';
import { pushedCases, startSubscribing } from './sds.ts';
import { type Listener, listeners } from './tls.ts';
import { tokenFrom, verdicts } from './tokens.ts';

const PUSH_MS = 5000;
/** An agent whose own SVID died with the root has to prove itself anew before it can ask. How long it took is printed. */
const REISSUE_MS = 10_000;

const hashOf = ({ certificate = '' }: Authority): string =>
  createHash('sha256').update(Buffer.from(certificate, 'base64')).digest('hex');

/** M6: keys of tokens are known everywhere before they sign. */
export const jwtKeyCases = async (suite: Suite, watchers: Watchers): Promise<void> => {
  const row = 'M6 JWT keys';
  const { server } = suite;
  const spare = await server.authority('jwt-svid', 'prepared');
  const has = (kid: string) => (event: Parameters<typeof bundleOf>[0]) =>
    is('jwtbundles')(event) && bundleOf(event, TRUST_DOMAIN).includes(kid);
  for (const [language, program] of watchers) {
    await check(row, language, 'the spare is known before', () =>
      program.next('the spare', has(spare.id), { within: 1 }),
    );
  }
  const programs = new Map(LANGUAGES.map((language) => [language, clientOf(suite, language, ['jwt'])]));
  const before = new Map<Language, string>();
  await forAll(async (language) => {
    const program = programs.get(language);
    if (program)
      await check(row, language, 'a token of before', async () =>
        before.set(language, (await tokenFrom(program)).token),
      );
  });
  await server.admin('authority', 'activate', spare.id, '--force', '--yes');
  const next = await server.authority('jwt-svid', 'prepared');
  await Promise.all(
    [...watchers].map(([language, program]) =>
      check(row, language, 'the next spare is told', () =>
        program.next('the next spare', has(next.id), { within: PUSH_MS }),
      ),
    ),
  );
  await forAll(async (language) => {
    const program = programs.get(language);
    if (!program) return;
    const judged = async (token: string): Promise<void> => {
      const { agent, local } = await verdicts(program, 'the-verifier', token);
      deepEqual([agent.event, local.event], ['valid', 'valid'], JSON.stringify([agent, local]));
    };
    await check(row, language, 'a token under the new key', async () => {
      const { kid, token } = await tokenFrom(program, 'the-verifier,another');
      equal(kid, spare.id);
      await judged(token);
    });
    await check(row, language, 'one of before is still good', () => judged(before.get(language) ?? ''));
    await program.stop();
  });
};

/** Each language connects to the next one, again and again. */
const traffic = async (suite: Suite) => {
  const servers = await listeners(suite, 'M4 new root', 'any');
  const dialers = new Map<Language, Program>();
  for (const [at, language] of LANGUAGES.entries()) {
    const port = servers.get(LANGUAGES[(at + 1) % LANGUAGES.length] ?? language)?.port;
    if (port) dialers.set(language, clientOf(suite, language, ['dial', '--every', '300', `any@${port}`]));
  }
  await Promise.all(
    [...dialers.values()].map((dialer) => dialer.next('a connection', is('connected'), { within: 20_000 })),
  );
  const stop = async (): Promise<void> => {
    await Promise.all([...dialers.values()].map((program) => program.stop()));
    await Promise.all([...servers.values()].map(({ program }) => program.stop()));
  };
  return { dialers, stop };
};

const marksOf = (programs: ReadonlyMap<Language, Program>): ReadonlyMap<Language, number> =>
  new Map([...programs].map(([language, program]) => [language, program.mark()]));

interface Taint {
  readonly tainted: Authority;
  /** Where each watcher stood when the tainted root had signed what it then held; nothing of that may stay. */
  readonly signed: ReadonlyMap<Language, number>;
}

/** Every watcher has other serials than those that the tainted root signed, under bundles without it. */
const allReissued = async (
  row: string,
  watchers: Watchers,
  marks: ReadonlyMap<Language, number>,
  { signed, holds, lacks }: Pick<Taint, 'signed'> & { readonly holds: string; readonly lacks: string },
): Promise<void> => {
  await Promise.all(
    [...watchers].map(([language, program]) =>
      check(row, language, 'a new SVID, and new bundles with it', async () => {
        const before = program.events.slice(0, signed.get(language) ?? 0).findLast(is('x509'));
        ok(before);
        const isNew = (event: Parameters<typeof serialsOf>[0]): boolean =>
          is('x509')(event) &&
          !bundleOf(event, TRUST_DOMAIN).includes(lacks) &&
          serialsOf(event).every((serial) => !serialsOf(before).includes(serial));
        const from = marks.get(language) ?? 0;
        const event = await program.next('new SVIDs', isNew, { from, within: REISSUE_MS });
        const bundle = bundleOf(event, TRUST_DOMAIN);
        ok(bundle.includes(holds), 'the bundle lacks the root that signs now');
        ok(!bundle.includes(lacks), 'the bundle holds the tainted root');
      }),
    ),
  );
};

/** As `listeners` and one round of `dial`, for users whose SVIDs come from the new root. */
const acrossRoots = async (suite: Suite, row: string): Promise<void> => {
  const newcomer = (language: Language): number => otherUid(language, 5);
  await suite.server.entries(
    LANGUAGES.map((language) =>
      entryFor(suite.agent, newcomer(language), {
        id: `newcomer-${language}`,
        spiffeId: `spiffe://${TRUST_DOMAIN}/newcomer/${language}`,
      }),
    ),
  );
  const [old, young] = [await listeners(suite, row, 'any'), await listeners(suite, row, 'any', newcomer)];
  const targets = (servers: ReadonlyMap<Language, Listener>) => [...servers.values()].map(({ port }) => `any@${port}`);
  await forAll(async (language) => {
    const ways = {
      'old to new': [targets(young), uidOf(language)],
      'new to old': [targets(old), newcomer(language)],
    } as const;
    for (const [name, [ports, uid]] of Object.entries(ways)) {
      await check(row, language, name, async () => {
        const dialer = await finished(clientOf(suite, language, ['dial', ...ports], { uid }));
        deepEqual(dialer.of('refused'), []);
        equal(dialer.of('connected').length, LANGUAGES.length);
      });
    }
  });
  await Promise.all([...old.values(), ...young.values()].map(({ program }) => program.stop()));
};

/** M4: another root signs, under traffic; then roots are tainted. */
export const rootCases = async (suite: Suite, watchers: Watchers): Promise<void> => {
  const row = 'M4 new root';
  const { server } = suite;
  const { dialers, stop } = await traffic(suite);
  try {
    const [old, spare] = [
      await server.authority('x509-root', 'active'),
      await server.authority('x509-root', 'prepared'),
    ];
    for (const [language, program] of watchers) {
      await check(row, language, 'is known before it signs', () => {
        const known = program.of('x509').at(-1);
        ok(known && bundleOf(known, TRUST_DOMAIN).includes(hashOf(spare)));
      });
    }
    const marks = marksOf(dialers);
    await server.admin('authority', 'activate', spare.id, '--force', '--yes');
    await server.admin('authority', 'prepare', '--purpose', 'x509-issuing', '--yes');
    const issuing = await server.authority('x509-issuing', 'prepared');
    equal(issuing.issuer, spare.id, 'the next issuing CA is not under the new root');
    // What is renewed after the next line is under the new root already, and may stay.
    const signed = marksOf(watchers);
    await server.admin('authority', 'activate', issuing.id, '--force', '--yes');
    await acrossRoots(suite, row);
    for (const [language, dialer] of dialers) {
      await check(row, language, 'no handshake fails', () => {
        const from = marks.get(language) ?? 0;
        ok(dialer.of('connected', from).length >= 3, 'too few connections');
        deepEqual(dialer.of('refused', from), []);
      });
    }
    const subscriber = await startSubscribing(suite);
    const from = subscriber.mark();
    await taint(suite, watchers, dialers, { tainted: old, signed });
    await pushedCases(subscriber, from);
    const tainted = await server.authority('x509-root', 'active');
    await taint(suite, watchers, dialers, { tainted, signed: marksOf(watchers) });
  } finally {
    await stop();
  }
};

/** The longest time without a connection after `from`. Milliseconds. */
const gapOf = (dialer: Program, from: number): number => {
  const times = dialer.of('connected', from).map(({ ts }) => ts);
  return Math.max(0, ...times.map((time, at) => time - (times[at - 1] ?? time)));
};

/** What a tainted root signed is replaced at once, and nobody trusts it any more. */
const taint = async (
  suite: Suite,
  watchers: Watchers,
  dialers: ReadonlyMap<Language, Program>,
  { tainted, signed }: Taint,
): Promise<void> => {
  const row = 'M4 tainted root';
  const { server } = suite;
  const [marks, before] = [marksOf(watchers), marksOf(dialers)];
  const since = Date.now();
  await server.admin('authority', 'taint', tainted.id, '--force', '--yes');
  const active = await server.authority('x509-root', 'active');
  await allReissued(row, watchers, marks, { signed, holds: hashOf(active), lacks: hashOf(tainted) });
  // Peers that have not heard yet do not trust those that have; it lasts as long as the push.
  await sleep(1000);
  const after = marksOf(dialers);
  await sleep(2000);
  const gaps = [...dialers].map(([language, dialer]) => `${language} ${gapOf(dialer, before.get(language) ?? 0)} ms`);
  console.log(`no handshake while the root changed: ${gaps.join(', ')}`);
  const last = Math.max(...[...watchers.values()].map((program) => program.events.findLast(is('x509'))?.ts ?? 0));
  console.log(`the last new SVID after ${last - since} ms`);
  for (const [language, dialer] of dialers) {
    await check(row, language, 'handshakes work under the next root', () => {
      const from = after.get(language) ?? 0;
      ok(dialer.of('connected', from).length >= 2, 'too few connections');
      deepEqual(dialer.of('refused', from), []);
    });
  }
};
