import { csrOf, Journey } from '../support/journey.ts';
import { attestAs, codeOf } from '../support/hostile.ts';
import { newKey } from '../support/x509.ts';

/** One secret, many takers: whoever the ledger sees first has it, whichever front end they came to (DEC-1, DEC-12). */

let journey: Journey;
beforeAll(async () => {
  journey = await Journey.start({ frontEnds: 2 });
});
afterAll(() => journey.stop());

const HUNDRED = Array.from({ length: 100 }, (_, at) => at);

test('of a hundred keys on connections of their own, over two front ends, one redeems the token', async () => {
  const token = await journey.joinToken({ agent: 'wanted' });
  const answers = await Promise.all(HUNDRED.map(() => journey.redeem(token, newKey())));
  const codes = answers.map((answer) => (answer.status === 200 ? 'redeemed' : String(answer.json()['code'])));
  expect(codes.filter((code) => code === 'redeemed')).toHaveLength(1);
  expect(codes.filter((code) => code === 'attestation_refused')).toHaveLength(99);
  expect(journey.facts('attested')).toHaveLength(1);
  expect(journey.facts('issued').filter(({ role }) => role === 'agent')).toHaveLength(1);
  expect(journey.facts('server-started').at(-1)).toMatchObject({ frontEnds: 2 });
  expect((await journey.redeem(token, newKey())).status).toBe(403);
});

test('a token spent for one purpose is spent for every other', async () => {
  await journey.entry('job');
  const token = await journey.joinToken({ entry: 'job' });
  const key = newKey();
  expect((await journey.redeem(token, key)).status).toBe(200);
  const evidence = { token };
  for (const more of [{ spiffeId: 'spiffe://example.org/other' }, { role: 'agent' }, { role: 'workload' }]) {
    const body = { type: 'join_token', evidence, csr: csrOf(newKey()), ...more };
    expect(codeOf(await attestAs(journey, body))).toMatch(/^403 (attestation_refused|no_identity)$/);
  }
  const issued = journey.facts('issued').filter(({ spiffeId }) => spiffeId === 'spiffe://example.org/job');
  expect(issued).toHaveLength(1);
});
