import { Command } from 'commander';
import { fileName } from './fetch-files.ts';
import { fetchVerb } from './fetch-verb.ts';
import { repeated } from './options.ts';
import type { Cli } from './verb.ts';

const x509 = (): Command =>
  new Command('x509')
    .description('X.509-SVIDs of this process, with the bundles to check others by.')
    .option('--spiffe-id <id>', 'the identity with this ID; with --write the first of all unless told')
    .option('--hint <hint>', 'the identity with this hint')
    .option('--show-key', 'print the private key too')
    .option('--cert-name <name>', 'file of the chain, leaf first', fileName, 'svid.pem')
    .option('--key-name <name>', 'file of the private key', fileName, 'svid_key.pem')
    .option('--bundle-name <name>', 'file of the bundle of the own trust domain', fileName, 'bundle.pem')
    .option('--combined-name <name>', 'one file more, with the chain and the private key', fileName)
    .option('--json-name <name>', 'one file more, with everything as JSON', fileName);

const jwt = (): Command =>
  new Command('jwt')
    .description('JWT-SVIDs of this process, a token for each identity: they are printed.')
    .option('--audience <name>', 'who will receive it; may be repeated', repeated)
    .option('--spiffe-id <id>', 'the identity with this ID')
    .option('--hint <hint>', 'the identity with this hint')
    .option('--token-name <name>', 'file of the token', fileName, 'jwt_svid.token');

const bundle = (): Command =>
  new Command('bundle').description(
    'The bundles that this process may see: CAs in PEM, with --json the keys of tokens too.',
  );

/** `mayfly fetch`: what a workload may have, over any SPIFFE Workload API. */
export const fetchCommand = (cli: Cli): Command =>
  new Command('fetch')
    .description('Fetch identities of this process from the agent, and write them for programs that read files.')
    .addCommand(fetchVerb(cli, x509(), async () => (await import('./fetch-x509.ts')).x509Fetching))
    .addCommand(fetchVerb(cli, jwt(), async () => (await import('./fetch-jwt.ts')).jwtFetching))
    .addCommand(fetchVerb(cli, bundle(), async () => (await import('./fetch-bundle.ts')).bundleFetching));
