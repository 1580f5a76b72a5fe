import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { authenticateCaller, CallerMemory } from '../../src/usecases/authenticate-caller.ts';
import type { PresentedChain } from '../../src/usecases/authenticate-caller.ts';
import { openCallerWorld, WORKLOAD } from '../support/callers.ts';
import type { CallerWorld, TestCredential } from '../support/callers.ts';
import { sha256 } from '../support/http.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../support/x509.ts';

let world: CallerWorld;
let memory: CallerMemory;
beforeEach(async () => {
  world = await openCallerWorld();
  memory = new CallerMemory();
});
afterEach(() => world.close());

const chainOf = ({ leaf }: { readonly leaf: Uint8Array }): PresentedChain => ({ leaf, intermediates: [] });
const present = (chain: PresentedChain | undefined) => authenticateCaller(world.issuer, memory, chain);
const expectRefused = (chain: PresentedChain | undefined, reason: string | RegExp) =>
  expect(present(chain)).rejects.toMatchObject({
    code: 'unauthenticated',
    message: 'a client certificate that is accepted here is required',
    reason: expect.stringMatching(reason),
  });

describe('a caller', () => {
  test('is who the ledger says, though its chain hides the intermediate', async () => {
    // DEC-14, DEC-19
    const held = await world.issue({ recorded: { role: 'agentless' } });
    expect(await present(chainOf(held))).toMatchObject({
      serial: held.serial,
      spiffeId: WORKLOAD,
      role: 'agentless',
      certificateSha256: sha256(held.leaf),
      spkiSha256: sha256(held.key.spki),
      row: { id: held.serial },
    });
  });

  test('without a certificate, or with nonsense for one, is nobody', async () => {
    await expectRefused(undefined, 'no client certificate');
    await expectRefused({ leaf: Buffer.from('nonsense'), intermediates: [] }, 'malformed');
    await expectRefused({ leaf: Buffer.alloc(20_000), intermediates: [] }, 'more than');
  });

  test('of a CA that is not ours is nobody, even if it sends that CA along', async () => {
    const root = await newCa();
    const issuing = await newCa(root);
    const leaf = await issueLeaf(issuing, leafPlan(issuing, newKey()));
    const intermediates = [issuing.certificate.der, root.certificate.der];
    await expect(present({ leaf, intermediates })).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('that the ledger does not know, or knows as something else, is nobody', async () => {
    await expectRefused(chainOf(await world.issue({ recorded: null })), 'not on record');
    await expectRefused(chainOf(await world.issue({ recorded: { credential: 'jwt-svid' } })), 'not on record');
    await expectRefused(chainOf(await world.issue({ recorded: { spki: 'a'.repeat(64) } })), 'the key');
    const other = 'spiffe://example.org/db' as SpiffeId;
    await expectRefused(chainOf(await world.issue({ recorded: { spiffeId: other } })), 'the SPIFFE ID');
  });

  test('is asked for its time at every request, not once', async () => {
    const held = chainOf(await world.issue());
    await present(held);
    world.clock.advance(3600_000);
    await present(held);
    world.clock.advance(1000);
    await expectRefused(held, 'expired');
    world.clock.advance(-4000_000);
    await expectRefused(held, 'not valid yet');
    await expectRefused(chainOf({ leaf: Buffer.from(held.leaf) }), 'not valid yet');
  });

  test.each([
    ['its serial', (held: TestCredential) => ({ kind: 'credential', value: held.serial }) as const],
    ['its identity', () => ({ kind: 'identity', value: WORKLOAD }) as const],
    ['a prefix', () => ({ kind: 'prefix', value: 'spiffe://example.org' }) as const],
  ])('is refused from the commit of a revocation on, by %s', async (_name, targetOf) => {
    // P2
    const held = await world.issue();
    const chain = chainOf(held);
    await present(chain);
    await world.revoke(targetOf(held), ['cutoff']);
    await expectRefused(chain, 'revoked by');
  });

  test('under a hold is refused, and not under a block alone', async () => {
    // DEC-6
    const held = chainOf(await world.issue());
    await world.revoke({ kind: 'identity', value: WORKLOAD }, ['block']);
    await present(held);
    await world.revoke({ kind: 'identity', value: WORKLOAD }, ['hold']);
    await expectRefused(held, 'revoked by');
  });

  test('of an authority that was revoked is refused, remembered or not', async () => {
    const held = chainOf(await world.issue());
    await present(held);
    const { authority } = await world.keys.issuing();
    const { id, purpose } = authority;
    await world.ledger.append({ facts: [{ kind: 'authority-revoked', id, purpose, by: 'uid:0' }] });
    await expect(present(held)).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe('a renewal', () => {
  // DEC-12
  const renewed = async () => {
    const old = await world.issue();
    return { old, next: await world.issue({ recorded: { predecessor: old.serial } }) };
  };

  test('ends its predecessor when it is first presented, on record', async () => {
    const { old, next } = await renewed();
    await present(chainOf(old));
    await present(chainOf(next));
    const { size } = world.views.log.head();
    expect(world.views.log.at(size - 1)).toMatchObject({
      kind: 'superseded',
      clear: { predecessor: old.serial, successor: next.serial },
    });
    await expectRefused(chainOf(old), 'was renewed');
    await present(chainOf(next));
    expect(world.views.log.head().size).toBe(size);
  });

  test('leaves connections of its predecessor alone', async () => {
    const { old, next } = await renewed();
    const connection = chainOf(old);
    await present(connection);
    await present(chainOf(next));
    expect((await present(connection)).serial).toBe(old.serial);
  });

  test('that is itself refused ends nothing', async () => {
    const { old, next } = await renewed();
    await world.revoke({ kind: 'credential', value: next.serial }, ['cutoff']);
    await expectRefused(chainOf(next), 'revoked by');
    await present(chainOf(old));
  });

  test('presented twice at once is recorded without a quarrel', async () => {
    const { next } = await renewed();
    const both = await Promise.all([present(chainOf(next)), present(chainOf(next))]);
    expect(both.map(({ serial }) => serial)).toEqual([next.serial, next.serial]);
  });
});
