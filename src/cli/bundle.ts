import { Command } from 'commander';
import { encodePem } from '../formats/pem.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Root {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
  readonly certificate?: string;
}

/** What relying parties believe: roots that are published, the prepared one too (TDB-14). */
const PUBLISHED = new Set(['prepared', 'active', 'old']);

/** `mayfly bundle show`: the roots in PEM, as `bundleFile` of `dev` has them. */
export const bundleCommand = (cli: Cli): Command =>
  new Command('bundle').description('The bundle: what relying parties believe.').addCommand(
    adminVerb(cli, new Command('show').description('Print the roots in PEM.'), async ({ api, output }) => {
      const { body } = await api.call({ method: 'GET', path: '/v1/admin/authorities' });
      const roots = (body as { readonly authorities: readonly Root[] }).authorities.flatMap(
        ({ id, purpose, state, certificate }) =>
          purpose === 'x509-root' && PUBLISHED.has(state) && certificate !== undefined
            ? [{ id, state, certificate }]
            : [],
      );
      output.result({ roots }, () =>
        roots.map(({ certificate }) => encodePem('CERTIFICATE', Buffer.from(certificate, 'base64'))).join(''),
      );
    }),
  );
