import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from 'jose';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { agentForEachTest, freshId, startHoldings, type TestHoldings } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { codeOf, refusalOf } from '../support/refusals.ts';

/** JWT-SVIDs for workloads, and what of them is validated for them. */

let world: AgentWorld;
let time: ManualTime;
let agent: TestHoldings;
agentForEachTest((...all) => {
  [world, time, agent] = all;
});

const UID = 'unix:uid:1000';

describe('JWT-SVIDs', () => {
  test('are for all identities, or for the one that is asked for', async () => {
    // WLAPI-41
    const [one, two] = [freshId(), freshId()];
    await world.entry(one, { createdAt: 1 as never, hint: 'first' });
    await world.entry(two, { createdAt: 2 as never });
    agent.sync();
    const { session } = agent.open(UID);
    const all = await session.jwtSvids(['db', 'web', 'db'], undefined);
    expect(all.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      [`spiffe://example.org/${one}`, 'first'],
      [`spiffe://example.org/${two}`, undefined],
    ]);
    expect(decodeJwt(all[0]?.token ?? '').aud).toEqual(['db', 'web']);
    const single = await session.jwtSvids(['db', 'web'], `spiffe://example.org/${two}`);
    expect(single).toEqual([all[1]]);
  });

  test.each([
    ['no audience', [], undefined, 'invalid_request'],
    ['an empty audience', [''], undefined, 'invalid_request'],
    ['a malformed SPIFFE ID', ['db'], 'spiffe://example.org/%41', 'invalid_request'],
    ['the SPIFFE ID of another', ['db'], 'spiffe://example.org/other', 'no_identity'],
  ])('%s is refused', async (_what, audience, spiffeId, code) => {
    await world.entry(freshId());
    agent.sync();
    expect(await codeOf(agent.open(UID).session.jwtSvids(audience, spiffeId))).toBe(code);
    expect(world.calls.jwt).toEqual([]);
  });

  test('are refused to a caller without identity', async () => {
    await world.entry(freshId());
    agent.sync();
    expect(await codeOf(agent.open('unix:uid:1').session.jwtSvids(['db'], undefined))).toBe('no_identity');
  });

  test('an identity that may not have the audience is left out, the others get theirs', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one, { jwtAudiences: ['web'] });
    await world.entry(two);
    agent.sync();
    const { session } = agent.open(UID);
    expect((await session.jwtSvids(['db'], undefined)).map(({ spiffeId }) => spiffeId)).toEqual([
      `spiffe://example.org/${two}`,
    ]);
    expect(await codeOf(session.jwtSvids(['db'], `spiffe://example.org/${one}`))).toBe('no_identity');
  });

  test('one that is revoked while it is asked for is not given', async () => {
    const id = freshId();
    await world.entry(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    let isAnswered = false;
    const slow = startHoldings(world, time, {
      server: {
        ...world.server,
        jwtSvids: async (items) => {
          const answers = await world.server.jwtSvids(items);
          isAnswered = true;
          await promise;
          return answers;
        },
      },
    });
    slow.sync();
    const { session } = slow.open(UID);
    await session.state();
    const asked = codeOf(session.jwtSvids(['db'], undefined));
    await eventually(() => isAnswered);
    await world.revoke({ kind: 'entry', value: id }, 'cutoff', 'block');
    slow.sync();
    resolve();
    expect(await asked).toBe('unavailable');
    expect(await codeOf(session.jwtSvids(['db'], undefined))).toBe('no_identity');
    await slow.holdings.stop();
  });
});

describe('validation', () => {
  const tokenFor = async (id: string): Promise<string> => {
    await world.entry(id);
    agent.sync();
    const [svid] = await agent.open(UID).session.jwtSvids(['db'], undefined);
    return svid?.token ?? '';
  };

  test('tells the SPIFFE ID and the claims, with the audience as a list', async () => {
    // WLAPI-45, WLAPI-46
    const id = freshId();
    const token = await tokenFor(id);
    const { spiffeId, claims } = await agent.open(UID).session.validateJwt('db', token);
    expect(spiffeId).toBe(`spiffe://example.org/${id}`);
    expect(claims).toMatchObject({ sub: spiffeId, aud: ['db'] });
    expect(claims['exp']).toBeGreaterThan(0);
  });

  test.each([
    ['another audience', 'web', (token: string) => token],
    ['other bytes', 'db', (token: string) => `${token.slice(0, -4)}AAAA`],
    ['no token', 'db', () => ''],
  ])('%s is refused with the reason', async (_what, audience, change) => {
    // WLAPI-47, M5
    const token = await tokenFor(freshId());
    const refused = await refusalOf(agent.open(UID).session.validateJwt(audience, change(token)));
    expect(refused.code).toBe('invalid_token');
    expect(refused.message).toMatch(/^the JWT-SVID is not valid: ./);
  });

  test('a token that has expired, is of another trust domain, or of a key of one’s own is refused', async () => {
    const id = freshId();
    const token = await tokenFor(id);
    const { session } = agent.open(UID);
    const { privateKey } = await generateKeyPair('ES256');
    const made = (sub: string): Promise<string> =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid: 'x' })
        .setSubject(sub)
        .setAudience('db')
        .setExpirationTime('1h')
        .sign(privateKey);
    expect(await codeOf(session.validateJwt('db', await made('spiffe://other.org/web')))).toBe('invalid_token');
    expect(await codeOf(session.validateJwt('db', await made('spiffe://example.org/web')))).toBe('invalid_token');
    time.pass(310_000);
    expect(await codeOf(session.validateJwt('db', token))).toBe('invalid_token');
  });

  test('of an identity that is revoked is refused', async () => {
    const [id, other] = [freshId(), freshId()];
    const token = await tokenFor(id);
    await world.entry(other);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${id}` }, 'cutoff', 'block');
    agent.sync();
    expect(await codeOf(agent.open(UID).session.validateJwt('db', token))).toBe('invalid_token');
  });

  test('is for callers with an identity, and for an audience', async () => {
    const token = await tokenFor(freshId());
    expect(await codeOf(agent.open('unix:uid:1').session.validateJwt('db', token))).toBe('no_identity');
    expect(await codeOf(agent.open(UID).session.validateJwt('', token))).toBe('invalid_request');
  });
});

describe('federation', () => {
  test('callers see the bundles that their entries name, and tokens of these trust domains', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one, { federatesWith: ['other.org' as never], selectors: [UID] });
    await world.entry(two, { selectors: ['unix:uid:2'] });
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...((await exportJWK(publicKey)) as Record<string, string>), kid: 'k1', use: 'jwt-svid' };
    const { parts, cursor } = world.state();
    agent.holdings.begin(true);
    for (const part of parts) {
      if (part.type === 'entries') agent.holdings.entries(part);
      else if (part.type === 'bundle') {
        agent.holdings.bundle({
          ...part,
          federated: [
            { trustDomain: 'unnamed.org', sequence: 1, x509Authorities: [], jwtKeys: [] },
            { trustDomain: 'other.org', sequence: 1, x509Authorities: part.bundle.x509Authorities, jwtKeys: [jwk] },
            { ...part.bundle, sequence: 9 },
          ],
        });
      }
    }
    void agent.holdings.commit(cursor);
    const { session } = agent.open(UID);
    const state = await session.state();
    expect(state.federated.map(({ trustDomain }) => trustDomain)).toEqual(['other.org']);
    expect((await agent.open('unix:uid:2').session.state()).federated).toEqual([]);
    const now = Math.floor(time.clock.now() / 1000);
    const token = await new SignJWT({ secret: 'of the other side' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setSubject('spiffe://other.org/db')
      .setAudience('db')
      .setExpirationTime(now + 60)
      .sign(privateKey);
    const { spiffeId, claims } = await session.validateJwt('db', token);
    expect(spiffeId).toBe('spiffe://other.org/db' as SpiffeId);
    // WLAPI-46
    expect(claims).toEqual({ sub: 'spiffe://other.org/db', aud: ['db'], exp: now + 60 });
    expect(await codeOf(agent.open('unix:uid:2').session.validateJwt('db', token))).toBe('invalid_token');
  });
});
