import type { TrustDomain } from '../domain/trust-domain.ts';
import { agentTarget } from '../workload/agent.ts';
import { isFinal, WorkloadError } from '../workload/errors.ts';
import { readJwtBundles, type JwtBundle } from '../workload/jwt-svid.ts';
import { fetchJwtBundles, fetchX509Bundles } from '../workload/one-shot.ts';
import { watchStream } from '../workload/watch.ts';
import { workloadMethods, type BundlesResponse, type WorkloadMethods } from '../workload/wire.ts';
import { readX509Bundles, type X509Bundle } from '../workload/x509-context.ts';
import type { NamedFile } from './fetch-files.ts';
import type { FetchOptions, Fetching, Following } from './fetch-verb.ts';

interface Answer {
  readonly x509: ReadonlyMap<TrustDomain, X509Bundle>;
  readonly jwt: ReadonlyMap<TrustDomain, JwtBundle>;
}

/** An operator may have switched one profile off (WLAPI-1). */
const unlessOff = async <Bundle>(bundles: Promise<ReadonlyMap<TrustDomain, Bundle>>) => {
  try {
    return await bundles;
  } catch (error) {
    if (error instanceof WorkloadError && error.code === 'unimplemented') return new Map<TrustDomain, Bundle>();
    throw error;
  }
};

const namesOf = ({ x509, jwt }: Answer): readonly TrustDomain[] => [...new Set([...x509.keys(), ...jwt.keys()])].sort();

const jsonOf = (answer: Answer) => ({
  bundles: Object.fromEntries(
    namesOf(answer).map((name) => [
      name,
      {
        x509: (answer.x509.get(name)?.authorities ?? []).map((der) => Buffer.from(der).toString('base64')),
        jwt: JSON.parse(answer.jwt.get(name)?.keySet ?? '{"keys":[]}') as unknown,
      },
    ]),
  ),
});

const follow = async ({ address, signal, next, problem }: Following<FetchOptions, Answer>): Promise<void> => {
  const target = agentTarget(address);
  let held: Partial<Answer> = {};
  const take = (part: Partial<Answer>): void => {
    held = { ...held, ...part };
    const { x509, jwt } = held;
    if (x509 && jwt) next({ x509, jwt });
  };
  const watch = (
    method: WorkloadMethods['FetchX509Bundles'],
    read: (message: BundlesResponse) => Partial<Answer>,
    none: Partial<Answer>,
  ) =>
    watchStream({
      target,
      signal,
      method,
      accept: (message) => take(read(message)),
      problem: (refused) => {
        problem(refused);
        if (isFinal(refused)) take(none);
      },
    });
  try {
    await Promise.all([
      watch(workloadMethods.FetchX509Bundles, (message) => ({ x509: readX509Bundles(message) }), { x509: new Map() }),
      watch(workloadMethods.FetchJWTBundles, (message) => ({ jwt: readJwtBundles(message) }), { jwt: new Map() }),
    ]);
  } catch (error) {
    if (!signal.aborted) throw error;
    return;
  }
  throw new WorkloadError('unimplemented', 'the agent offers no bundles');
};

const filesOf = ({ x509, jwt }: Answer): readonly NamedFile[] => [
  ...[...x509.values()].map(({ trustDomain, pem }) => ({
    name: `bundle.${trustDomain}.pem`,
    content: pem,
    secret: false,
  })),
  ...[...jwt.values()].map(({ trustDomain, keySet }) => ({
    name: `bundle.${trustDomain}.jwks.json`,
    content: keySet,
    secret: false,
  })),
];

/** `mayfly fetch bundle` */
export const bundleFetching: Fetching<FetchOptions, Answer> = {
  ask: (address) => async (signal) => {
    const [x509, jwt] = await Promise.all([
      unlessOff(fetchX509Bundles({ address, signal })),
      unlessOff(fetchJwtBundles({ address, signal })),
    ]);
    return { x509, jwt };
  },
  follow,
  json: jsonOf,
  text: ({ x509 }) => [...x509.values()].map(({ trustDomain, pem }) => `# ${trustDomain}\n${pem}`).join(''),
  files: filesOf,
};
