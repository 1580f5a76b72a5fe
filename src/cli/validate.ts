import { Command } from 'commander';
import type { CredentialKind } from '../domain/fact.ts';
import type { Validation, ValidationStatus } from '../usecases/validate-credential.ts';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { readInput } from './options.ts';
import { record, timeOfSeconds } from './output.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const EXITS = { valid: EXIT.yes, revoked: EXIT.no, expired: EXIT.no, unknown: EXIT.no } satisfies Record<
  ValidationStatus,
  ExitCode
>;

const validationText = (validation: Validation): string => {
  const { since, notBefore, expiresAt } = validation;
  return record([
    ['status', validation.status],
    ['reason', validation.reason],
    ['since', since === undefined ? undefined : timeOfSeconds(since)],
    ['kind', validation.kind],
    ['id', validation.id],
    ['spiffe id', validation.spiffeId],
    ['audience', validation.audience],
    ['scope', validation.scope?.join(' ')],
    ['valid from', notBefore === undefined ? undefined : timeOfSeconds(notBefore)],
    ['valid until', expiresAt === undefined ? undefined : timeOfSeconds(expiresAt)],
    ['revocation', validation.revocation],
  ]);
};

const kindVerb = (cli: Cli, name: string, kind: CredentialKind, what: string): Command =>
  adminVerb(
    cli,
    new Command(name)
      .description(`Is this ${what} good now?`)
      .argument('[file]', 'where it is; stdin unless told', '-'),
    async ({ api, args: [file = '-'], output, terminal }) => {
      const credential = (await readInput(file, terminal)).trim();
      const validation = (await api.call({ method: 'POST', path: '/v1/admin/validate', body: { credential } }))
        .body as Validation;
      const isOther = validation.kind !== undefined && validation.kind !== kind;
      if (isOther) output.note(`this is of another kind: ${validation.kind ?? ''}`);
      output.result(validation, () => validationText(validation));
      return isOther ? EXIT.no : EXITS[validation.status];
    },
  );

/** `mayfly validate` (DEC-31): exit 0 for valid, 1 for anything else. */
export const validateCommand = (cli: Cli): Command =>
  new Command('validate')
    .description('Ask the server whether a credential is good, and not revoked.')
    .addCommand(kindVerb(cli, 'x509', 'x509-svid', 'X.509-SVID (PEM)'))
    .addCommand(kindVerb(cli, 'jwt', 'jwt-svid', 'JWT-SVID'))
    .addCommand(kindVerb(cli, 'token', 'access-token', 'access token'));
