import { equal, ok } from 'node:assert/strict';
import { forgeries } from '../driver/forge.ts';
import { LANGUAGES, type Language, otherUid } from '../driver/languages.ts';
import type { Event, Program } from '../driver/program.ts';
import { check } from '../driver/table.ts';
import { is, tokensOf } from './material.ts';
import { clientOf, entryFor, forAll, mainId, type Suite, TRUST_DOMAIN } from './suite.ts';

const ROW = 'M5 tokens';
const AUDIENCE = 'the-verifier';
const INVALID_ARGUMENT = 3;

/** Asks a program of `jwt` for a token of its default identity, or of the only one that it has. */
export const tokenFrom = async (program: Program, audience = AUDIENCE) => {
  const from = program.mark();
  program.say('fetch', audience);
  const event = await program.next('tokens', (each) => is('jwt')(each) || is('error')(each), { from });
  const [token] = tokensOf(event);
  ok(token, `no token: ${JSON.stringify(event)}`);
  return token;
};

/** What the agent says of a token, and what the library finds by itself. */
export const verdicts = async (program: Program, audience: string, token: string) => {
  const from = program.mark();
  program.say('validate', audience, token);
  const by = (name: string) => (event: Event) => ['valid', 'invalid'].includes(event.event) && event['by'] === name;
  return {
    agent: await program.next('a verdict of the agent', by('agent'), { from }),
    local: await program.next('a verdict of its own', by('local'), { from }),
  };
};

const refused = async (program: Program, audience: string, token: string): Promise<void> => {
  const { agent, local } = await verdicts(program, audience, token);
  equal(agent.event, 'invalid', 'the agent lets it pass');
  equal(agent['code'], INVALID_ARGUMENT, `the agent answers ${String(agent['code'])}: ${String(agent['message'])}`);
  equal(local.event, 'invalid', 'the library lets it pass');
};

/** A token that is soon no longer good, for `expiredCase`. */
export const shortToken = async (suite: Suite): Promise<{ readonly token: string; readonly exp: number }> => {
  const uid = otherUid('go', 4);
  const spiffeId = `spiffe://${TRUST_DOMAIN}/short`;
  await suite.server.entries([entryFor(suite.agent, uid, { id: 'short', spiffeId, jwtTtl: 30 })]);
  const program = clientOf(suite, 'go', ['jwt'], { uid });
  try {
    return await tokenFrom(program);
  } finally {
    await program.stop();
  }
};

/** M5: tokens of each language, good and bad ones, before every verifier. */
export const tokenCases = async (suite: Suite): Promise<void> => {
  const { publicKey } = (await suite.server.authority('jwt-svid', 'active')) as unknown as {
    readonly publicKey: string;
  };
  const programs = new Map<Language, Program>();
  const tokens = new Map<Language, string>();
  await forAll(async (language) => {
    const program = clientOf(suite, language, ['jwt']);
    programs.set(language, program);
    await check(ROW, language, 'of one identity', async () => tokens.set(language, (await tokenFrom(program)).token));
  });
  await forAll(async (verifier) => {
    const program = programs.get(verifier);
    if (program === undefined) return;
    for (const language of LANGUAGES) {
      await check(ROW, verifier, `a token of ${language} is good`, async () => {
        const { agent, local } = await verdicts(program, AUDIENCE, tokens.get(language) ?? '');
        equal(agent['id'], mainId(language), JSON.stringify(agent));
        equal(local['id'], mainId(language), JSON.stringify(local));
      });
    }
    const good = tokens.get(verifier) ?? '';
    await check(ROW, verifier, 'not for this audience', () => refused(program, 'somebody-else', good));
    for (const [name, bad] of Object.entries(forgeries(good, publicKey))) {
      await check(ROW, verifier, name, () => refused(program, AUDIENCE, bad));
    }
    await program.stop();
  });
};

/** M5: a token that has expired since, beyond the leeway of any verifier. */
export const expiredCase = async (suite: Suite, token: string): Promise<void> => {
  await forAll(async (language) => {
    const program = clientOf(suite, language, ['jwt']);
    await check(ROW, language, 'expired', () => refused(program, AUDIENCE, token));
    await program.stop();
  });
};
