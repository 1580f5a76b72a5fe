import { hash } from 'node:crypto';
import { Command } from 'commander';
import { encodePem } from '../formats/pem.ts';
import { table } from './output.ts';
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

interface Options {
  readonly sha256?: true;
}

/** `mayfly bundle show`: the roots in PEM, as `bundleFile` of `dev` has them, or what agents may pin. */
export const bundleCommand = (cli: Cli): Command =>
  new Command('bundle').description('The bundle: what relying parties believe.').addCommand(
    adminVerb<Options>(
      cli,
      new Command('show')
        .description('Print the roots in PEM.')
        .option('--sha256', 'print their fingerprints instead: an agent may be told one of them'),
      async ({ api, options, output }) => {
        const { body } = await api.call({ method: 'GET', path: '/v1/admin/authorities' });
        const roots = (body as { readonly authorities: readonly Root[] }).authorities.flatMap(
          ({ id, purpose, state, certificate }) => {
            if (purpose !== 'x509-root' || !PUBLISHED.has(state) || certificate === undefined) return [];
            const der = Buffer.from(certificate, 'base64');
            return [{ id, state, certificate, sha256: hash('sha256', der, 'hex') }];
          },
        );
        output.result({ roots }, () =>
          options.sha256 === true
            ? table(
                ['STATE', 'SHA-256'],
                roots.map(({ state, sha256 }) => [state, sha256]),
              )
            : roots.map(({ certificate }) => encodePem('CERTIFICATE', Buffer.from(certificate, 'base64'))).join(''),
        );
      },
    ),
  );
