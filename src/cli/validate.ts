import { Command } from 'commander';
import type { CredentialKind } from '../domain/fact.ts';
import type { Validation, ValidationStatus } from '../usecases/validate-credential.ts';
import { WorkloadError } from '../workload/errors.ts';
import type { ValidatedJwtSvid } from '../workload/one-shot.ts';
import { connect, withConnection } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { EXIT, UsageError } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { readInput } from './options.ts';
import { record, timeOfSeconds } from './output.ts';
import { patiently } from './patience.ts';
import { adminVerb, verb } from './verb.ts';
import type { AdminInvocation, Cli, Invocation } from './verb.ts';
import { workloadAddress } from './workload-socket.ts';

const AGENT_SECONDS = 30;

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

const readCredential = async ({ args: [file = '-'], terminal }: Invocation<unknown>): Promise<string> =>
  (await readInput(file, terminal)).trim();

const kindCommand = (name: string, what: string): Command =>
  new Command(name).description(`Is this ${what} good now?`).argument('[file]', 'where it is; stdin unless told', '-');

const askServer = async (invocation: AdminInvocation<unknown>, kind: CredentialKind): Promise<ExitCode> => {
  const { api, output } = invocation;
  const body = { credential: await readCredential(invocation) };
  const validation = (await api.call({ method: 'POST', path: '/v1/admin/validate', body })).body as Validation;
  const isOther = validation.kind !== undefined && validation.kind !== kind;
  if (isOther) output.note(`this is of another kind: ${validation.kind ?? ''}`);
  output.result(validation, () => validationText(validation));
  return isOther ? EXIT.no : EXITS[validation.status];
};

const kindVerb = (cli: Cli, name: string, kind: CredentialKind, what: string): Command =>
  adminVerb<object>(cli, kindCommand(name, what), (invocation) => askServer(invocation, kind));

interface JwtOptions {
  readonly audience?: string;
  readonly workloadSocket?: string;
}

const agentText = ({ spiffeId, claims }: ValidatedJwtSvid): string =>
  record([
    ['status', 'valid'],
    ['spiffe id', spiffeId],
    ['claims', JSON.stringify(claims)],
  ]);

/** As a workload that goes by `audience` sees it: signature, times and audience, by the bundles that its agent gives. */
const askAgent = async (invocation: Invocation<JwtOptions>, audience: string): Promise<ExitCode> => {
  const { options, output, terminal } = invocation;
  const address = workloadAddress(options.workloadSocket, terminal, '--workload-socket');
  const token = await readCredential(invocation);
  const { validateJwtSvid } = await import('../workload/one-shot.ts');
  try {
    const valid = await patiently((signal) => validateJwtSvid({ address, token, audience, signal }), {
      timeoutSeconds: AGENT_SECONDS,
      note: (message) => output.note(message),
    });
    output.result({ status: 'valid', ...valid }, () => agentText(valid));
    return EXIT.yes;
  } catch (error) {
    if (!(error instanceof WorkloadError) || error.code !== 'invalid_token') throw error;
    output.result({ status: 'invalid', reason: error.message }, () =>
      record([
        ['status', 'invalid'],
        ['reason', error.message],
      ]),
    );
    return EXIT.no;
  }
};

/**
 * Two questions with one name: the server knows what was revoked, and an agent knows who trusts whom. The audience makes the
 * difference, since only a relying party has one.
 */
const jwtVerb = (cli: Cli): Command =>
  withConnection(
    verb<JwtOptions & ConnectionOptions>(
      cli,
      kindCommand('jwt', 'JWT-SVID')
        .option('--audience <name>', 'ask the agent instead, as a workload of this name would')
        .option('--workload-socket <address>', 'the Workload API for --audience (SPIFFE_ENDPOINT_SOCKET)'),
      async (invocation) => {
        const { options, terminal } = invocation;
        if (options.audience !== undefined) return askAgent(invocation, options.audience);
        if (options.workloadSocket !== undefined) throw new UsageError('--workload-socket needs --audience');
        return askServer({ ...invocation, api: connect(options, terminal) }, 'jwt-svid');
      },
    ),
  );

/** `mayfly validate` (DEC-31): exit 0 for valid, 1 for anything else. */
export const validateCommand = (cli: Cli): Command =>
  new Command('validate')
    .description('Ask the server whether a credential is good, and not revoked.')
    .addCommand(kindVerb(cli, 'x509', 'x509-svid', 'X.509-SVID (PEM)'))
    .addCommand(jwtVerb(cli))
    .addCommand(kindVerb(cli, 'token', 'access-token', 'access token'));
