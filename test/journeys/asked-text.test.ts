import type { Denied } from '../../src/domain/fact.ts';
import type { Answered } from '../support/http.ts';
import { recordedFacts } from '../support/journey.ts';
import { oauthCode, type OauthWorld, startOauthWorld } from '../support/journey-oauth.ts';

/** A denial holds only so much of what was asked for, wherever that ends (P1, P7). */
let world: OauthWorld;

beforeAll(async () => {
  world = await startOauthWorld();
});

afterAll(() => world.journey.stop());

/** The letter outside the basic plane begins before or at the place where the record is cut. */
const lengths = [510, 511, 512];
const long = (length: number, start = ''): string => `${start}${'a'.repeat(length - start.length)}😀`;

/** The answer, and what it put on record. */
const denied = async (ask: () => Promise<Answered>) => {
  const before = world.journey.size();
  const answer = await ask();
  const facts = recordedFacts(world.journey.dataDir, before).flatMap(({ fact }) =>
    fact?.kind === 'denied' ? [fact] : [],
  );
  return { answer, facts };
};

const askedOf = ([fact]: readonly Denied[], name: string): string | undefined => fact?.asked?.[name];

describe.each(lengths)('a text with a letter of two halves after %s characters', (length) => {
  test.each([
    ['scope', { scope: long(length) }, '400 invalid_scope'],
    ['resource', { resource: long(length, 'https://x.example/') }, '400 invalid_target'],
  ])('as %s', async (name, form, code) => {
    const web = await world.svid('web');
    const { answer, facts } = await denied(() => world.byX509(web, form));
    expect([oauthCode(answer), facts.length]).toEqual([code, 1]);
    expect(askedOf(facts, name)).toHaveLength(512);
  });

  test('as audience, alone', async () => {
    const items = [{ audience: [long(length)], entryId: 'nothing' }];
    const { answer, facts } = await denied(() => world.agentClient.postJson('/v1/svids/jwt', { items }));
    expect([answer.status, answer.json()['code'], answer.json()['decision']]).toEqual([
      403,
      'no_identity',
      facts[0]?.id,
    ]);
    expect(askedOf(facts, 'audience')).toHaveLength(512);
  });

  test('as audience, beside an item that is granted', async () => {
    const items = [
      { audience: ['here'], entryId: 'web' },
      { audience: [long(length)], entryId: 'nothing' },
    ];
    const { answer, facts } = await denied(() => world.agentClient.postJson('/v1/svids/jwt', { items }));
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        items: [
          expect.objectContaining({ token: expect.any(String) }),
          { error: { code: 'no_identity', detail: expect.any(String), decision: facts[0]?.id } },
        ],
      },
    ]);
  });
});
