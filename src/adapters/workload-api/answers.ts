import type {
  HeldX509Svid,
  TrustBundle,
  ValidatedToken,
  WorkloadState,
  WorkloadToken,
} from '../../agent/workload-session.ts';
import { toStruct } from './struct.ts';
import { encodeAnswer } from './workload-definition.ts';

const keyOf = ({ trustDomain }: TrustBundle): string => `spiffe://${trustDomain}`;

/**
 * Trust domains that have nothing to give now stay out: clients refuse everything because of one empty value
 * (WLAPI-28).
 */
const authorities = (bundles: readonly TrustBundle[]): Record<string, Buffer> =>
  Object.fromEntries(
    bundles
      .filter(({ x509Authorities }) => x509Authorities.length > 0)
      .map((bundle) => [keyOf(bundle), Buffer.concat(bundle.x509Authorities)]),
  );

const hasKeys = ({ jwtKeySet }: TrustBundle): boolean => {
  const { keys } = JSON.parse(jwtKeySet) as { readonly keys?: readonly unknown[] };
  return keys !== undefined && keys.length > 0;
};

const svidAnswer = ({ spiffeId, chain, key, hint = '' }: HeldX509Svid, bundle: Buffer): object => ({
  spiffeId,
  x509Svid: Buffer.concat(chain),
  x509SvidKey: key,
  bundle,
  hint,
});

/** Remembers what was written for a state, as long as anybody holds the state. */
const once = (write: (state: WorkloadState) => Buffer): ((state: WorkloadState) => Buffer) => {
  const written = new WeakMap<WorkloadState, Buffer>();
  return (state) => {
    const known = written.get(state);
    if (known !== undefined) return known;
    const octets = write(state);
    written.set(state, octets);
    return octets;
  };
};

/** WLAPI-20 to WLAPI-25. The own trust domain is never among the federated ones. */
export const x509SvidAnswer = once(({ svids, bundle, federated }) => {
  const own = Buffer.concat(bundle.x509Authorities);
  return encodeAnswer('FetchX509SVID', {
    svids: svids.map((svid) => svidAnswer(svid, own)),
    federatedBundles: authorities(federated),
  });
});

/** WLAPI-27, WLAPI-28. */
export const x509BundlesAnswer = once(({ bundle, federated }) =>
  encodeAnswer('FetchX509Bundles', { bundles: authorities([bundle, ...federated]) }),
);

/** WLAPI-43. The own trust domain is there in any case. */
export const jwtBundlesAnswer = once(({ bundle, federated }) =>
  encodeAnswer('FetchJWTBundles', {
    bundles: Object.fromEntries(
      [bundle, ...federated.filter(hasKeys)].map((each) => [keyOf(each), Buffer.from(each.jwtKeySet)]),
    ),
  }),
);

/** WLAPI-42. */
export const jwtSvidsAnswer = (tokens: readonly WorkloadToken[]): Buffer =>
  encodeAnswer('FetchJWTSVID', {
    svids: tokens.map(({ spiffeId, token, hint = '' }) => ({ spiffeId, svid: token, hint })),
  });

/** WLAPI-45, WLAPI-46. */
export const validationAnswer = ({ spiffeId, claims }: ValidatedToken): Buffer =>
  encodeAnswer('ValidateJWTSVID', { spiffeId, claims: toStruct(claims) });
