import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LANGUAGES, type Language } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import type { Authority } from '../driver/server.ts';
import { check } from '../driver/table.ts';
import { bundleOf, is, serialsOf } from './material.ts';
import type { Watchers } from './rotation.ts';
import { clientOf, forAll, type Suite, TRUST_DOMAIN } from './suite.ts';
import { listeners } from './tls.ts';
import { tokenFrom, verdicts } from './tokens.ts';

const PUSH_MS = 5000;

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
  const servers = await listeners(suite, 'any');
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

/** Every watcher has new serials, under bundles that hold this root and not that one. */
const allReissued = async (
  row: string,
  watchers: Watchers,
  marks: ReadonlyMap<Language, number>,
  { holds, lacks }: { readonly holds: string; readonly lacks?: string },
): Promise<void> => {
  await Promise.all(
    [...watchers].map(([language, program]) =>
      check(row, language, 'a new SVID, and new bundles with it', async () => {
        const from = marks.get(language) ?? 0;
        const before = program.events.slice(0, from).findLast(is('x509'));
        ok(before);
        const isNew = (event: Parameters<typeof serialsOf>[0]): boolean =>
          is('x509')(event) && serialsOf(event).every((serial) => !serialsOf(before).includes(serial));
        const event = await program.next('new SVIDs', isNew, { from, within: PUSH_MS });
        notDeepEqual(serialsOf(event), serialsOf(before));
        const bundle = bundleOf(event, TRUST_DOMAIN);
        ok(bundle.includes(holds), 'the bundle lacks the root that signs now');
        if (lacks) ok(!bundle.includes(lacks), 'the bundle holds the tainted root');
      }),
    ),
  );
};

/** M4: roots change under traffic; then one is tainted. */
export const rootCases = async (suite: Suite, watchers: Watchers): Promise<void> => {
  const { server } = suite;
  const { dialers, stop } = await traffic(suite);
  try {
    const spare = await server.authority('x509-root', 'prepared');
    for (const [language, program] of watchers) {
      await check('M4 new root', language, 'is known before it signs', () => {
        const known = program.of('x509').at(-1);
        ok(known && bundleOf(known, TRUST_DOMAIN).includes(hashOf(spare)));
      });
    }
    const marks = marksOf(dialers);
    await server.admin('authority', 'activate', spare.id, '--force', '--yes');
    // Some SVIDs are of the old root now and some of the new one.
    await sleep(3000);
    for (const [language, dialer] of dialers) {
      await check('M4 new root', language, 'no handshake fails', () => {
        const from = marks.get(language) ?? 0;
        ok(dialer.of('connected', from).length >= 3, 'too few connections');
        deepEqual(dialer.of('refused', from), []);
      });
    }
    await taint(suite, watchers, dialers);
  } finally {
    await stop();
  }
};

const taint = async (suite: Suite, watchers: Watchers, dialers: ReadonlyMap<Language, Program>): Promise<void> => {
  const row = 'M4 tainted root';
  const { server } = suite;
  const tainted = await server.authority('x509-root', 'active');
  const marks = marksOf(watchers);
  await server.admin('authority', 'taint', tainted.id, '--force', '--yes');
  const active = await server.authority('x509-root', 'active');
  await allReissued(row, watchers, marks, { holds: hashOf(active), lacks: hashOf(tainted) });
  // Peers that have not heard yet do not trust those that have; it lasts as long as the push.
  await sleep(2000);
  const after = marksOf(dialers);
  await sleep(2000);
  for (const [language, dialer] of dialers) {
    await check(row, language, 'handshakes work under the next root', () => {
      const from = after.get(language) ?? 0;
      ok(dialer.of('connected', from).length >= 2, 'too few connections');
      deepEqual(dialer.of('refused', from), []);
    });
  }
};
