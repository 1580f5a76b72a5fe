import { equal, match, ok } from 'node:assert/strict';
import { LANGUAGES, otherUid } from '../driver/languages.ts';
import { check } from '../driver/table.ts';
import { is, svidsOf } from './material.ts';
import { clientOf, entryFor, finished, forAll, type Suite, TRUST_DOMAIN } from './suite.ts';

const ROW = 'M9 no identity';
const PERMISSION_DENIED = 7;
/** Longer than the longest pause of any library that is this young. */
const RECOVERY_MS = 20_000;

/** M9: a user whom no entry names; then it gets an identity after all. */
export const absentCases = async (suite: Suite): Promise<void> => {
  await forAll(async (language) => {
    const program = clientOf(suite, language, ['fetch', 'somebody'], { uid: otherUid(language, 2) });
    await check(ROW, language, 'is told so by every call', async () => {
      await finished(program);
      const errors = program.of('error');
      ok(errors.length >= 4, `${errors.length} errors: ${JSON.stringify(program.events)}`);
      for (const error of errors) {
        equal(error['code'], PERMISSION_DENIED, JSON.stringify(error));
        match(String(error['message']), /no identity issued/);
      }
    });
  });
  const watchers = LANGUAGES.map((language) => ({
    language,
    program: clientOf(suite, language, ['watch'], { uid: otherUid(language, 2) }),
  }));
  await check(ROW, 'go', 'the stream ends so', async () => {
    const [go] = watchers;
    const error = await go?.program.next('an error', is('error', { call: 'x509' }));
    equal(error?.['code'], PERMISSION_DENIED);
  });
  const idOf = (language: string): string => `spiffe://${TRUST_DOMAIN}/late/${language}`;
  await suite.server.entries(
    LANGUAGES.map((language) =>
      entryFor(suite.agent, otherUid(language, 2), { id: `late-${language}`, spiffeId: idOf(language) }),
    ),
  );
  await Promise.all(
    watchers.map(async ({ language, program }) => {
      await check(ROW, language, 'recovers once there is an entry', async () => {
        const event = await program.next('an SVID', is('x509'), { within: RECOVERY_MS });
        equal(svidsOf(event)[0]?.id, idOf(language));
      });
      await program.stop();
    }),
  );
};
