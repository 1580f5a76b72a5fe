import { newKey } from '../../test/support/x509.ts';
import { csrOf, heldX509, type Svid, svidOf, type X509Answer } from './credentials.ts';
import type { Population } from './population.ts';

/** A new join token, or undefined when its entry is gone. Of a lost answer nobody knows the token: another one is made. */
const joinToken = async (all: Population, purpose: object): Promise<string | undefined> => {
  const { body } = await all.lives.administer('POST', '/v1/admin/join-tokens', purpose);
  return (body as { token?: string }).token;
};

/** Attests with a key that was kept before it asked: the token may be spent by then, and the same key may come again. */
export const attest = async (all: Population, purpose: { agent: string } | { entry: string }): Promise<Svid> => {
  const key = newKey();
  const token = await joinToken(all, purpose);
  const csr = csrOf(key);
  const answer = await all.lives.persist(() =>
    all.lives.api().postJson('/v1/attest', { type: 'join_token', evidence: { token }, csr }),
  );
  if (answer.status !== 200) {
    const what = `attestation with a join token: ${answer.text}`;
    all.trouble(what);
    throw new Error(what);
  }
  const identity = answer.json() as unknown as X509Answer;
  all.held.add(heldX509(identity));
  all.count('attestation');
  return svidOf(identity, key);
};
