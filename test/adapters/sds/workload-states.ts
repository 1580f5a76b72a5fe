import type { HeldX509Svid, TrustBundle, WorkloadState } from '../../../src/agent/workload-session.ts';
import { parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import { parseTrustDomain } from '../../../src/domain/trust-domain.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import type { Secret, Secrets } from '../../../src/adapters/sds/secrets.ts';

/** Bytes that stand for DER where nobody parses it. */
const bytes = (text: string): Uint8Array => Buffer.from(text);

export const heldSvid = (spiffeId: string, edition = 1): HeldX509Svid => ({
  spiffeId: parseSpiffeId(spiffeId),
  chain: [bytes(`leaf ${spiffeId} ${edition}`), bytes('issuing')],
  key: bytes(`key ${spiffeId} ${edition}`),
  notAfter: 1_800_000_000 + edition,
});

export const trustBundle = (trustDomain: string, ...authorities: readonly string[]): TrustBundle => ({
  trustDomain: parseTrustDomain(trustDomain),
  x509Authorities: authorities.map(bytes),
  jwtKeySet: '{"keys":[]}',
});

export const WEB = 'spiffe://example.org/web';
export const DB = 'spiffe://example.org/db';

/** Two identities, the own trust domain and two others, one of which sorts before it. */
export const workloadState = (changes: Partial<WorkloadState> = {}): WorkloadState => ({
  svids: [heldSvid(WEB), heldSvid(DB)],
  bundle: trustBundle('example.org', 'root'),
  federated: [trustBundle('partner.example', 'partner root'), trustBundle('aunt.example', 'aunt root', 'aunt spare')],
  ...changes,
});

/** Secrets as name and version, for the machines of streams, which do not look inside. */
export const secretsLike = (versions: Readonly<Record<string, string>>): Secrets => ({
  everything: Object.keys(versions),
  find: (name): Secret | undefined => {
    const version = Object.hasOwn(versions, name) ? versions[name] : undefined;
    return version === undefined ? undefined : { name, version, value: bytes(`${name} ${version}`) };
  },
});

/** Nonces `n1`, `n2`, … */
export const countedNonces = (): (() => string) => {
  let count = 0;
  return () => `n${(count += 1)}`;
};

/** `code: message` of the refusal that `run` throws. */
export const refusalOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof Refusal ? `${error.code}: ${error.message}` : String(error);
  }
  return 'nothing was refused';
};
