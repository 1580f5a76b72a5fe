import { randomInt } from 'node:crypto';
import { newKey } from '../../test/support/x509.ts';
import { attest } from './attest.ts';
import { csrOf, heldToken, heldX509, type Svid, svidOf, type X509Answer } from './credentials.ts';
import { type KnownEntry, type Population, RESOURCE } from './population.ts';

/** Renews under a key that was kept before it asked. Undefined when it is refused. */
export const renew = async (all: Population, svid: Svid, entry?: KnownEntry): Promise<Svid | undefined> => {
  const key = newKey();
  const items = [{ csr: csrOf(key) }];
  const answer = await all.lives.persist(() => all.lives.api(svid).postJson('/v1/svids/x509', { items }));
  const [renewed] = (answer.json() as { items?: X509Answer[] }).items ?? [];
  if (!renewed) {
    if (!entry?.condemned) all.trouble(`renewal of ${svid.spiffeId}: ${answer.text}`);
    return undefined;
  }
  all.held.add(heldX509(renewed));
  all.count('renewal');
  return svidOf(renewed, key);
};

/** An access token, bound to the certificate that the client shows. */
export const tokenByCertificate = async (all: Population, svid: Svid, entry: KnownEntry): Promise<void> => {
  const form = { grant_type: 'client_credentials', client_id: svid.spiffeId, resource: RESOURCE };
  const answer = await all.lives.persist(() => all.lives.api(svid).postForm('/oauth2/token', form));
  if (answer.status === 200) {
    all.held.add(heldToken(String(answer.json()['access_token'])));
    all.count('token by certificate');
  } else if (!entry.condemned) {
    all.trouble(`token for ${svid.spiffeId}: ${answer.text}`);
  }
};

const MAX_RENEWALS = 3;

/** One agentless workload from its join token to its end. */
export const agentlessLife = async (all: Population, entry: KnownEntry): Promise<void> => {
  let svid: Svid | undefined = await attest(all, { entry: entry.id });
  for (let left = randomInt(MAX_RENEWALS + 1); left > 0 && svid; left -= 1) {
    await tokenByCertificate(all, svid, entry);
    svid = await renew(all, svid, entry);
  }
};
