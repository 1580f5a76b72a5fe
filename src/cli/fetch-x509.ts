import { once } from 'node:events';
import { trustDomainOf } from '../domain/spiffe-id.ts';
import { WorkloadError } from '../workload/errors.ts';
import { fetchX509Context } from '../workload/one-shot.ts';
import { privateKeyPem, type X509Bundle, type X509Context, type X509Svid } from '../workload/x509-context.ts';
import { X509Source } from '../workload/x509-source.ts';
import { CommandRefused } from './exit.ts';
import type { NamedFile } from './fetch-files.ts';
import type { FetchOptions, Fetching } from './fetch-verb.ts';
import { record, timeOfSeconds } from './output.ts';

export interface X509Options extends FetchOptions {
  readonly spiffeId?: string;
  readonly hint?: string;
  readonly showKey?: boolean;
  readonly certName: string;
  readonly keyName: string;
  readonly bundleName: string;
  readonly combinedName?: string;
  readonly jsonName?: string;
}

const chosen = (svids: readonly X509Svid[], { spiffeId, hint }: X509Options): readonly X509Svid[] => {
  const matching = svids.filter(
    (svid) => (spiffeId === undefined || svid.spiffeId === spiffeId) && (hint === undefined || svid.hint === hint),
  );
  if (matching.length === 0) throw new CommandRefused('the agent gives no such identity');
  return matching;
};

const base64 = (der: Uint8Array): string => Buffer.from(der).toString('base64');

const jsonOf = ({ svids, bundles }: X509Context, options: X509Options, withKey: boolean) => ({
  svids: chosen(svids, options).map((svid) => ({
    spiffeId: svid.spiffeId,
    ...(svid.hint !== undefined && { hint: svid.hint }),
    serial: svid.serial,
    notBefore: svid.notBefore,
    notAfter: svid.notAfter,
    chain: svid.chain.map(base64),
    ...(withKey && { privateKey: privateKeyPem(svid) }),
  })),
  bundles: Object.fromEntries(
    [...bundles].map(([trustDomain, { authorities }]) => [trustDomain, authorities.map(base64)]),
  ),
});

const svidText = (svid: X509Svid): string =>
  record([
    ['spiffe id', svid.spiffeId],
    ['hint', svid.hint],
    ['serial', svid.serial],
    ['valid from', timeOfSeconds(svid.notBefore)],
    ['valid until', timeOfSeconds(svid.notAfter)],
    ['certificates', svid.chain.length],
  ]);

const textOf = ({ svids }: X509Context, options: X509Options): string =>
  chosen(svids, options)
    .map((svid) => `${svidText(svid)}${options.showKey === true ? privateKeyPem(svid) : ''}`)
    .join('\n');

/** The bundle of the identity's own trust domain, without which there is no context. */
const ownBundle = (svid: X509Svid, bundles: X509Context['bundles']): X509Bundle['pem'] =>
  bundles.get(trustDomainOf(svid.spiffeId))?.pem ?? '';

const filesOf = (context: X509Context, options: X509Options): readonly NamedFile[] => {
  const [svid] = chosen(context.svids, options);
  if (svid === undefined) return [];
  const key = privateKeyPem(svid);
  const files: NamedFile[] = [
    { name: options.certName, content: svid.certificatePem, secret: false },
    { name: options.keyName, content: key, secret: true },
    { name: options.bundleName, content: ownBundle(svid, context.bundles), secret: false },
  ];
  const { combinedName, jsonName } = options;
  if (combinedName !== undefined) files.push({ name: combinedName, content: svid.certificatePem + key, secret: true });
  if (jsonName !== undefined) {
    const content = `${JSON.stringify(jsonOf({ ...context, svids: [svid] }, options, true))}\n`;
    files.push({ name: jsonName, content, secret: true });
  }
  return files;
};

/** `mayfly fetch x509` */
export const x509Fetching: Fetching<X509Options, X509Context> = {
  ask: (address, options) => async (signal) => {
    const context = await fetchX509Context({ address, signal });
    chosen(context.svids, options);
    return context;
  },
  async follow({ address, options, signal, next, problem }) {
    const tell = (source: X509Source): void => {
      const context = { svids: source.svids(), bundles: source.bundles() };
      try {
        chosen(context.svids, options);
        next(context);
      } catch (error) {
        if (!(error instanceof CommandRefused)) throw error;
        // Another one may come with the next rotation.
        problem(new WorkloadError('no_identity', error.message));
      }
    };
    try {
      const source = await X509Source.create({ address, signal, onProblem: problem });
      try {
        source.on('update', () => tell(source));
        tell(source);
        const [ended] = (await once(source, 'ended', { signal })) as [Error];
        throw ended;
      } finally {
        await source.close();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
  json: (context, options) => jsonOf(context, options, options.showKey === true),
  text: textOf,
  files: filesOf,
};
