import { codeOf } from '../support/hostile.ts';
import { csrOf, Journey } from '../support/journey.ts';
import { newKey } from '../support/x509.ts';

/** P3: an id of a deleted entry is never another's, so that nothing that hung on the old one wakes up under the new one. */

let journey: Journey;
beforeAll(async () => {
  journey = await Journey.start();
});
afterAll(() => journey.stop());

const remove = (id: string) => journey.administer('DELETE', `/v1/admin/entries/${id}`);

test('the id of a deleted entry is refused, for the same fields and for others', async () => {
  await journey.entry('gone');
  await remove('gone');
  for (const more of [{}, { spiffeId: 'spiffe://example.org/other' }]) {
    await expect(journey.entry('gone', more)).rejects.toMatchObject({ code: 'conflict' });
  }
  const file = { entries: [{ id: 'gone', spiffeId: 'spiffe://example.org/gone', selectors: ['test:1'] }] };
  await expect(journey.administer('POST', '/v1/admin/plan', file)).rejects.toMatchObject({ status: 400 });
});

test('credentials, tokens and rights of a deleted entry stay with it, though its SPIFFE ID lives on', async () => {
  await journey.entry('old', {
    spiffeId: 'spiffe://example.org/app',
    admin: { role: 'viewer', prefix: 'spiffe://example.org' },
  });
  const held = await journey.attest({ entry: 'old' });
  const waiting = await journey.joinToken({ entry: 'old' });
  expect((await journey.api(held).ask('/v1/admin/entries')).status).toBe(200);
  await remove('old');
  await journey.entry('new', {
    spiffeId: 'spiffe://example.org/app',
    admin: { role: 'viewer', prefix: 'spiffe://example.org' },
  });
  expect(codeOf(await journey.api(held).ask('/v1/admin/entries'))).toBe('403 forbidden');
  const renewal = await journey.api(held).postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()) }] });
  expect(codeOf(renewal)).toBe('403 no_identity');
  expect((await journey.redeem(waiting, newKey())).status).toBe(403);
  expect((await journey.attest({ entry: 'new' })).spiffeId).toBe('spiffe://example.org/app');
});

test('a revocation of a deleted entry hits what it gave, and nothing of its successor', async () => {
  await journey.entry('first', { spiffeId: 'spiffe://example.org/twice' });
  const held = await journey.attest({ entry: 'first' });
  await remove('first');
  await journey.entry('second', { spiffeId: 'spiffe://example.org/twice' });
  const next = await journey.attest({ entry: 'second' });
  await journey.revoke({ kind: 'entry', value: 'first' });
  const ask = (caller: typeof held) => journey.api(caller).postJson('/v1/validate', { credential: caller.cert });
  expect([(await ask(held)).status, (await ask(next)).json()['status']]).toEqual([401, 'valid']);
});
