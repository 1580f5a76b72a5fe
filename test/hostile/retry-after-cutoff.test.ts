import { Journey } from '../support/journey.ts';
import { newKey } from '../support/x509.ts';

// DEC-12 lets the same key ask again with the same evidence, since a reply may be lost. DEC-6: a cutoff is final, and
// whoever has the key that was cut off must not go on with the evidence that it was got with.

let journey: Journey;
beforeAll(async () => {
  journey = await Journey.start();
});
afterAll(() => journey.stop());

const redeemTwice = async (purpose: { agent: string } | { entry: string }) => {
  const key = newKey();
  const token = await journey.joinToken(purpose);
  const first = await journey.redeem(token, key);
  expect(first.status).toBe(200);
  const lost = await journey.redeem(token, key);
  expect(lost.status).toBe(200);
  return { spiffeId: String(first.json()['spiffeId']), again: () => journey.redeem(token, key) };
};

test('an evicted agent comes back with new evidence only', async () => {
  const { spiffeId, again } = await redeemTwice({ agent: 'stolen' });
  await journey.administer('POST', `/v1/admin/agents/${encodeURIComponent(spiffeId)}/evict`, { confirm: true });
  const answer = await again();
  expect([answer.status, answer.json()['code']]).toEqual([403, 'revoked']);
  expect((await journey.redeem(await journey.joinToken({ agent: 'stolen' }), newKey())).status).toBe(200);
});

test('so does a workload whose identity was cut off, or its entry, or one above it', async () => {
  for (const kind of ['identity', 'entry', 'prefix']) {
    const id = `cut-by-${kind}`;
    await journey.entry(id, { spiffeId: `spiffe://example.org/${id}/one` });
    const { spiffeId, again } = await redeemTwice({ entry: id });
    const value = { identity: spiffeId, entry: id, prefix: `spiffe://example.org/${id}` }[kind] ?? '';
    await journey.revoke({ kind, value }, { mode: 'reissue' });
    expect((await again()).status).toBe(403);
    expect((await journey.redeem(await journey.joinToken({ entry: id }), newKey())).status).toBe(200);
  }
});
