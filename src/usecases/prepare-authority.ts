import type { Authority } from '../domain/authority.ts';
import type { PrepareStep } from '../domain/authority-plan.ts';
import type { AuthorityPrepared } from '../domain/fact.ts';
import { newRecordId } from '../domain/record-id.ts';
import { caSubject, createCaCertificate, readCaCertificate, type CaPlan } from '../formats/ca-certificate.ts';
import type { MadeKey } from '../ports/keys.ts';
import { issuingCaProblems, rootProblems, type CaExpectation } from '../verify/ca-certificate.ts';
import { authorityOf, type AuthorityKeeper } from './authority-keeper.ts';

/** An issuing CA signs leaves and no further CA. */
export const ISSUING_PATH_LENGTH = 0;

interface CaParts {
  readonly plan: Omit<CaPlan, 'subject'>;
  readonly expected: CaExpectation;
}

const caParts = (keeper: AuthorityKeeper, step: PrepareStep, spki: Uint8Array): CaParts => {
  const now = keeper.clock.now();
  const serial = newRecordId(now, keeper.entropy);
  const { trustDomain } = keeper;
  const { notBefore, notAfter } = step;
  return { plan: { trustDomain, spki, serial, notBefore, notAfter }, expected: { trustDomain, now, minLife: 1 } };
};

/** Ours, read back by other code than wrote it: a problem here is a bug, and nothing is recorded. */
const assertNone = (problems: readonly string[]): void => {
  if (problems.length > 0) throw new Error(`the CA certificate that was just made is wrong: ${problems.join('; ')}`);
};

const makeRoot = async (keeper: AuthorityKeeper, step: PrepareStep, made: MadeKey): Promise<Buffer> => {
  const { plan, expected } = caParts(keeper, step, Buffer.from(made.publicKey, 'base64'));
  const subject = caSubject(keeper.trustDomain, 'root', step.generation, made.id);
  const der = await createCaCertificate({ ...plan, subject }, made.signer);
  assertNone(rootProblems(readCaCertificate(der), expected));
  return der;
};

const makeIssuing = async (
  keeper: AuthorityKeeper,
  step: PrepareStep,
  made: MadeKey,
  root: Authority,
): Promise<Buffer> => {
  const spki = Buffer.from(made.publicKey, 'base64');
  const { plan, expected } = caParts(keeper, step, spki);
  const subject = caSubject(keeper.trustDomain, 'issuing', step.generation, made.id);
  const above = readCaCertificate(Buffer.from(root.certificate ?? '', 'base64'));
  const issuer = { nameDer: above.subjectName, keyId: above.subjectKeyId };
  const signer = await keeper.keyStore.open(root);
  const der = await createCaCertificate({ ...plan, subject, pathLength: ISSUING_PATH_LENGTH, issuer }, signer);
  assertNone(issuingCaProblems(readCaCertificate(der), above, { ...expected, spki }));
  return der;
};

const certificateFor = (keeper: AuthorityKeeper, step: PrepareStep, made: MadeKey): Promise<Buffer> | undefined => {
  if (step.purpose === 'x509-root') return makeRoot(keeper, step, made);
  // Without an issuer it waits for an offline root.
  if (step.purpose !== 'x509-issuing' || step.issuer === undefined) return undefined;
  return makeIssuing(keeper, step, made, authorityOf(keeper, step.issuer));
};

/**
 * Makes the key that a step asks for, its certificate where it needs one, and the fact that puts both on record. Until that
 * fact is durable nothing of it exists for anyone else; a key whose fact is refused is thrown away unused.
 */
export const prepareAuthority = async (
  keeper: AuthorityKeeper,
  step: PrepareStep,
  by: string,
): Promise<AuthorityPrepared> => {
  const { purpose, algorithm, generation, notBefore, notAfter, issuer } = step;
  const made = await keeper.keyStore.create(purpose, algorithm);
  const certificate = await certificateFor(keeper, step, made);
  const authority: Authority = {
    id: made.id,
    purpose,
    algorithm,
    generation,
    state: 'prepared',
    tainted: false,
    publicKey: made.publicKey,
    ...(certificate !== undefined && { certificate: certificate.toString('base64') }),
    ...(issuer !== undefined && { issuer }),
    key: made.key,
    notBefore,
    notAfter,
    preparedAt: keeper.clock.now(),
  };
  return { kind: 'authority-prepared', authority, by };
};
