import { createPublicKey, type KeyObject } from 'node:crypto';
import { POLICY_VERSION } from '../domain/fact.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { serverId, type SpiffeId } from '../domain/spiffe-id.ts';
import { encodePem } from '../formats/pem.ts';
import { publicKeyPem } from '../formats/public-key.ts';
import type { Issuer } from './issuer.ts';
import { committedOr, placeOf } from './planned.ts';
import { type IssuedX509, planX509, type X509Request } from './x509-issuance.ts';

/** The names under which the listeners are reached (DEC-33). */
export interface ServerNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** The server's own identity with its key, as its TLS listeners take it. */
export interface ServerSvid {
  readonly id: RecordId;
  readonly spiffeId: SpiffeId;
  /** PEM: the leaf, then the issuing CA. */
  readonly certificateChain: string;
  /** PEM. In memory, and sealed on disk. */
  readonly privateKey: string;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Makes a P-256 private key. */
export type MakeKey = () => Promise<KeyObject>;

/** An issuing CA that is replaced between plan and record is met at most this often in a row. */
const ATTEMPTS = 3;

const requestFor = (issuer: Pick<Issuer, 'policy'>, names: ServerNames, key: KeyObject): X509Request => {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    csr: { spki, spkiPem: publicKeyPem(spki), keyType: 'p256' },
    spiffeId: serverId(issuer.policy.trustDomain),
    role: 'server',
    ttl: issuer.policy.x509Ttl,
    dnsNames: names.dnsNames,
    ipAddresses: names.ipAddresses,
    leans: { policy: POLICY_VERSION },
    spends: [],
  };
};

const withKey = (issued: IssuedX509, key: KeyObject): ServerSvid => ({
  id: issued.id,
  spiffeId: issued.spiffeId,
  certificateChain: issued.chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
  privateKey: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  notBefore: issued.notBefore,
  notAfter: issued.notAfter,
});

/**
 * The authority's own SVID (ID-16): `spiffe://<trust domain>/mayfly/server` with a new key, on record like every credential
 * before it is signed (P1). Refuses as `planX509` and the ledger do, with `unavailable` when the issuing CA keeps changing.
 */
export const issueServerSvid = async (
  issuer: Pick<Issuer, 'clock' | 'entropy' | 'policy' | 'keys' | 'follower' | 'ledger'>,
  names: ServerNames,
  makeKey: MakeKey,
): Promise<ServerSvid> => {
  const key = await makeKey();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const planned = await planX509(issuer, requestFor(issuer, names, key));
    const committed = committedOr(await issuer.ledger.append({ facts: [planned.issued] }), planned.issued.id);
    if (committed !== 'changed') return withKey(await planned.finish(placeOf(committed)), key);
  }
  throw new Refusal('unavailable', 'the issuing CA is changing; try again', { retryAfter: 1 });
};
