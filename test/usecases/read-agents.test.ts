import { unixSeconds } from '../../src/domain/instant.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { banAgent, evictAgent } from '../../src/usecases/manage-agents.ts';
import { listAgents } from '../../src/usecases/read-agents.ts';
import { releaseRevocation } from '../../src/usecases/release-revocation.ts';
import { revoke } from '../../src/usecases/revoke.ts';
import { id, openAdministration, ROOT, type TestAdministration } from '../support/administration.ts';

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

const AGENT: SpiffeId = id('/mayfly/agent/x509pop/one');

/** Shows evidence, and gets an SVID for a day. */
const attests = async () => {
  const now = unixSeconds(admin.clock.now());
  const attestation = await admin.attest({ spiffeId: AGENT, renewUntil: now + 30 * 86_400, nodeKey: 'AA==' });
  const life = { notBefore: now - 10, notAfter: now + 86_400 };
  return admin.issue({ spiffeId: AGENT, role: 'agent', agent: AGENT, attestation: attestation.id, ...life });
};

const shown = () => {
  const [agent] = listAgents(admin, ROOT, { limit: 10 }).agents;
  return {
    serial: agent?.svid?.serial,
    banned: agent?.banned !== undefined,
    evicted: agent?.evicted !== undefined,
  };
};

test('an agent that was evicted is that, and has no SVID, until it attests anew', async () => {
  await attests();
  await evictAgent(admin, ROOT, AGENT);
  expect(shown()).toEqual({ serial: undefined, banned: false, evicted: true }); // DEC-6
  const { id: serial } = await attests();
  expect(shown()).toEqual({ serial, banned: false, evicted: false });
});

test('so is one that was banned and released', async () => {
  await attests();
  const { revocation } = await banAgent(admin, ROOT, AGENT);
  expect(shown()).toEqual({ serial: undefined, banned: true, evicted: true });
  await releaseRevocation(admin, ROOT, revocation.id);
  expect(shown()).toEqual({ serial: undefined, banned: false, evicted: true });
});

test('one whose SVID alone was revoked still has its node key', async () => {
  const { id: serial } = await attests();
  await revoke(admin, ROOT, { target: { kind: 'credential', value: serial }, mode: 'revoke' });
  expect(shown()).toEqual({ serial: undefined, banned: false, evicted: false });
});

test('it is found behind any number of tokens that the agent asked for in its own name', async () => {
  const { id: serial, attestation } = await attests();
  const now = unixSeconds(admin.clock.now());
  const token = { credential: 'jwt-svid', spiffeId: AGENT, role: 'agent', agent: AGENT, notAfter: now + 300 } as const;
  for (let n = 0; n < 25; n += 1) await admin.issue({ ...token, ...(attestation !== undefined && { attestation }) });
  expect(shown()).toEqual({ serial, banned: false, evicted: false });
  expect(listAgents(admin, ROOT, { limit: 10 }).agents[0]?.dead).toBe(false);
});
