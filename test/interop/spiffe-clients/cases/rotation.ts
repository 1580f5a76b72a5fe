import { equal, notEqual, ok } from 'node:assert/strict';
import type { Language } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import { check } from '../driver/table.ts';
import { bundleOf, is, svidsOf, type Svid } from './material.ts';
import { clientOf, forAll, type Suite, TRUST_DOMAIN, X509_TTL } from './suite.ts';

const ROW = 'M3 rotation';
/** Renewal comes at half of the life at the latest; some for the way. */
const RENEWAL_MS = (X509_TTL / 2 + 15) * 1000;

export type Watchers = ReadonlyMap<Language, Program>;

/** The SVIDs of the default identity that came, each once, with the time of coming. */
const successionOf = (program: Program): readonly (Svid & { readonly ts: number })[] => {
  const all = program.of('x509').flatMap((event) =>
    svidsOf(event)
      .slice(0, 1)
      .map((svid) => ({ ...svid, ts: event.ts })),
  );
  return all.filter((svid, at) => svid.serial !== all[at - 1]?.serial);
};

/** Begins to watch, with the identities of `admitLanguages`. */
export const startWatching = async (suite: Suite): Promise<Watchers> => {
  const watchers = new Map<Language, Program>();
  await forAll(async (language) => {
    const program = clientOf(suite, language, ['watch']);
    watchers.set(language, program);
    await check(ROW, language, 'begins', async () => {
      await program.next('an SVID', is('x509'), { within: 20_000 });
      await program.next('keys for tokens', is('jwtbundles'));
      await program.next('a source', is('source'));
    });
  });
  return watchers;
};

/** M3, first half: the agent renews by itself. */
export const renewalCase = async (watchers: Watchers, since: number): Promise<void> => {
  await Promise.all(
    [...watchers].map(([language, program]) =>
      check(ROW, language, 'the agent renews in time', async () => {
        const [first] = successionOf(program);
        const renewed = (event: Parameters<typeof svidsOf>[0]): boolean =>
          is('x509')(event) && svidsOf(event)[0]?.serial !== first?.serial;
        await program.next('a renewed SVID', renewed, { within: Math.max(1000, since + RENEWAL_MS - Date.now()) });
      }),
    ),
  );
};

/** M3, second half, once authorities were changed too: the whole succession. */
export const successionCases = async (watchers: Watchers): Promise<void> => {
  for (const [language, program] of watchers) {
    const succession = successionOf(program);
    await check(ROW, language, 'three new ones', () => ok(succession.length > 3, `${succession.length - 1} new ones`));
    await check(ROW, language, 'each before the end of the one before', () => {
      for (const [at, { ts }] of succession.entries()) {
        const before = succession[at - 1];
        if (before) ok(ts / 1000 < before.notAfter, 'a gap');
      }
    });
    await check(ROW, language, 'no message twice', () => {
      const told = program.of('x509').map((event) => {
        const svids = svidsOf(event).map(({ serial }) => serial);
        return JSON.stringify([svids, bundleOf(event, TRUST_DOMAIN)]);
      });
      for (const [at, message] of told.entries()) notEqual(message, told[at - 1]);
    });
    await check(ROW, language, 'the stream never broke', () =>
      equal(program.of('error').length + program.of('ended').length, 0),
    );
    await check(ROW, language, 'the source has the newest', async () => {
      const serial = succession.at(-1)?.serial;
      await program.next('the newest', is('source', { serial }));
    });
  }
};
