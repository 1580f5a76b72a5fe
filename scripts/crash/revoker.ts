import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { newKey } from '../../test/support/x509.ts';
import type { Agent } from './agent.ts';
import { csrOf } from './credentials.ts';
import type { KnownEntry, Population } from './population.ts';

const KINDS = ['entry', 'identity', 'prefix'] as const;
/** So long the others get credentials for the victim. */
const GRACE_MS = 120;

const targetOf = (entry: KnownEntry) => {
  const kind = KINDS[randomInt(KINDS.length)] ?? 'entry';
  return { kind, value: kind === 'entry' ? entry.id : entry.spiffeId };
};

/** Makes a victim, lets others work with it, revokes it, and asks whether it is really so. */
export const revokerRound = async (all: Population, agent: Agent): Promise<void> => {
  const entry = await all.entry(all.name('victim'), agent.spiffeId);
  all.entries.push(entry);
  await pause(randomInt(GRACE_MS));
  entry.condemned = true;
  const { body } = await all.lives.administer('POST', '/v1/admin/revocations', {
    target: targetOf(entry),
    confirm: true,
  });
  const { revocation } = body as { revocation?: { id: string; index: number } };
  if (!revocation) return all.trouble(`revocation of ${entry.id}: ${JSON.stringify(body)}`);
  all.held.add({ held: 'revocation', id: revocation.id, index: revocation.index });
  all.count('revocation');
  await pause(randomInt(GRACE_MS));
  all.entries.splice(all.entries.indexOf(entry), 1);
  await deleteForGood(all, entry);
};

/** The id of a deleted entry is never used again. */
const deleteForGood = async (all: Population, entry: KnownEntry): Promise<void> => {
  await all.lives.administer('DELETE', `/v1/admin/entries/${entry.id}`);
  const again = { id: entry.id, spiffeId: entry.spiffeId, selectors: ['test:1'] };
  const { status } = await all.lives.administer('POST', '/v1/admin/entries', again);
  if (status !== 409) all.trouble(`entry ${entry.id} was made again: ${status}`);
};

/** A workload that is revoked while it renews. */
export const agentlessVictim = async (all: Population, life: (entry: KnownEntry) => Promise<void>): Promise<void> => {
  const entry = await all.entry(all.name('victim'), undefined);
  await life(entry);
  entry.condemned = true;
  const target = { kind: 'identity', value: entry.spiffeId };
  const { body } = await all.lives.administer('POST', '/v1/admin/revocations', { target, confirm: true });
  const { revocation } = body as { revocation?: { id: string; index: number } };
  if (!revocation) return all.trouble(`revocation of ${entry.id}: ${JSON.stringify(body)}`);
  all.held.add({ held: 'revocation', id: revocation.id, index: revocation.index });
  all.count('revocation');
  const token = await all.lives.administer('POST', '/v1/admin/join-tokens', { entry: entry.id });
  const evidence = { token: (token.body as { token?: string }).token };
  if (evidence.token === undefined) return;
  const csr = csrOf(newKey());
  const answer = await all.lives.persist(() =>
    all.lives.api().postJson('/v1/attest', { type: 'join_token', evidence, csr }),
  );
  if (answer.status === 200) all.trouble(`${entry.spiffeId} attested after its revocation`);
};
