import {
  fetchJwtBundles,
  fetchJwtSvids,
  fetchX509Bundles,
  fetchX509Context,
  JwtSource,
  validateJwtSvid,
  X509Source,
} from '../../../../src/workload/index.ts';
import { attempt, contextFields, eachLine, emit, failure, jwtBundleFields } from './events.ts';
import { svidFields, tokenFields, untilClosed, x509BundleFields } from './events.ts';
import { dial, serve } from './tls.ts';

// A workload that takes its identity from mayfly/workload. Commands and events are those of every program of this suite: see the
// README.

const fetchTokens = async (audience: readonly string[], spiffeId?: string): Promise<void> => {
  const svids = await attempt('jwt', () => fetchJwtSvids({ audience, spiffeId }));
  if (svids) emit('jwt', { tokens: svids.map(tokenFields) });
};

const fetchAll = async (audience: readonly string[]): Promise<void> => {
  const context = await attempt('x509', () => fetchX509Context());
  const [first] = context?.svids ?? [];
  if (first) emit('svid', svidFields(first));
  if (context) emit('x509', contextFields(context));
  const x509Bundles = await attempt('x509bundles', () => fetchX509Bundles());
  if (x509Bundles) emit('x509bundles', { bundles: x509BundleFields(x509Bundles) });
  const jwtBundles = await attempt('jwtbundles', () => fetchJwtBundles());
  if (jwtBundles) emit('jwtbundles', { bundles: jwtBundleFields(jwtBundles) });
  await fetchTokens(audience);
  emit('done');
};

const verdict = async (by: string, judge: () => Promise<{ readonly spiffeId: string }>): Promise<void> => {
  try {
    emit('valid', { by, id: (await judge()).spiffeId });
  } catch (error) {
    emit('invalid', { by, ...failure(error) });
  }
};

const validate = async (audience: string, token: string): Promise<void> => {
  await verdict('agent', () => validateJwtSvid({ audience, token }));
  await verdict('local', async () => {
    await using source = await JwtSource.create();
    return source.validate(token, { audience });
  });
};

const jwt = async (): Promise<void> => {
  for await (const [command, first = '', second] of eachLine()) {
    if (command === 'fetch') await fetchTokens(first.split(','), second);
    else await validate(first, second ?? '');
  }
};

const followX509 = async (): Promise<void> => {
  const onProblem = (error: Error): void => emit('error', { call: 'x509', ...failure(error) });
  const source = await attempt('source', () => X509Source.create({ onProblem }));
  if (source === undefined) return;
  const tell = (): void => {
    emit('x509', contextFields({ svids: source.svids(), bundles: source.bundles() }));
    emit('source', svidFields(source.svid()));
  };
  source.on('update', tell).on('ended', (error) => emit('ended', { call: 'x509', ...failure(error) }));
  tell();
};

const followJwt = async (): Promise<void> => {
  const onProblem = (error: Error): void => emit('error', { call: 'jwtbundles', ...failure(error) });
  const source = await attempt('jwtbundles', () => JwtSource.create({ onProblem }));
  if (source === undefined) return;
  const tell = (): void => emit('jwtbundles', { bundles: jwtBundleFields(source.bundles()) });
  source.on('update', tell).on('ended', (error) => emit('ended', { call: 'jwtbundles', ...failure(error) }));
  tell();
};

const watch = async (): Promise<void> => {
  void followX509();
  void followJwt();
  await untilClosed();
};

const [command, ...args] = process.argv.slice(2);
const commands: Readonly<Record<string, () => Promise<void>>> = {
  fetch: () => fetchAll(args),
  watch,
  jwt,
  serve: () => serve(args[0] ?? 'any'),
  dial: () => dial(args),
};
const run = commands[command ?? ''];
if (run === undefined) {
  console.error(
    'usage: client.ts fetch AUDIENCE... | watch | jwt | serve AUTHORIZE | dial [--every MS] AUTHORIZE@PORT...',
  );
  process.exit(2);
}
await run();
// A pipe may not have taken everything yet.
process.stdout.write('', () => process.exit(0));
