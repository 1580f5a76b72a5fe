import { createResource } from '../../src/usecases/manage-resources.ts';
import type { Caller } from '../../src/usecases/authenticate-caller.ts';
import { mayHearOf } from '../../src/usecases/authorize-validation.ts';
import { createJoinToken } from '../../src/usecases/create-join-token.ts';
import { issueJwtSvids } from '../../src/usecases/issue-jwt-svids.ts';
import { releaseRevocation } from '../../src/usecases/release-revocation.ts';
import { revoke } from '../../src/usecases/revoke.ts';
import { validateCredential } from '../../src/usecases/validate-credential.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { attestWith, callerOf, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { API, ROOT } from '../support/administration.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../support/x509.ts';

let it: TestAttesting;
beforeAll(async () => {
  it = await startAttesting();
});
afterAll(() => it.close());

let ids = 0;

/** An agentless workload with its certificate. */
const newWorkload = async () => {
  const entry = await it.entry(`v${++ids}`);
  const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
  const identity = await attestWith(it, 'join_token', { token });
  const [leaf = new Uint8Array()] = identity.chain;
  return { identity, leaf, caller: callerOf(it, identity) };
};

const jwtFor = async (caller: Caller, audience: string): Promise<string> => {
  const [outcome] = await issueJwtSvids(it.attesting, caller, [{ audience: [audience] }], '192.0.2.1');
  if (outcome && 'value' in outcome) return outcome.value.token;
  throw outcome?.refusal;
};

const validate = (credential: string | Uint8Array) => validateCredential(it.attesting, credential);

const flip = (der: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(der);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

describe('an X.509-SVID', () => {
  // DEC-31
  test('is valid, as PEM and as DER', async () => {
    const { identity, leaf } = await newWorkload();
    const expected = { status: 'valid', kind: 'x509-svid', id: identity.id, spiffeId: identity.spiffeId };
    expect(validate(leaf)).toMatchObject(expected);
    expect(validate(identity.chain.map((der) => encodePem('CERTIFICATE', der)).join(''))).toMatchObject(expected);
  });

  test('is unknown when a bit of it differs', async () => {
    const { leaf } = await newWorkload();
    for (const at of [leaf.length - 1, leaf.length - 40, 60]) {
      expect(validate(flip(leaf, at))).toEqual({ status: 'unknown' });
    }
    expect(validate(leaf.subarray(0, -1))).toEqual({ status: 'unknown' });
  });

  test('of another CA with a serial of ours is unknown', async () => {
    const { identity } = await newWorkload();
    const ca = await newCa();
    const plan = { ...leafPlan(ca, newKey()), serial: identity.id, spiffeId: identity.spiffeId };
    expect(validate(await issueLeaf(ca, plan))).toEqual({ status: 'unknown' });
  });

  test('is revoked with reason and time, also after it expired', async () => {
    const { identity, leaf } = await newWorkload();
    const target = { kind: 'credential', value: identity.id } as const;
    const { revocation } = await revoke(it.attesting, ROOT, { target, mode: 'revoke', reason: 'superseded' });
    const expected = {
      status: 'revoked',
      reason: 'superseded',
      since: Math.floor(revocation.at / 1000),
      revocation: revocation.id,
    };
    expect(validate(leaf)).toMatchObject(expected);
    await it.pass(660_000);
    expect(validate(leaf)).toMatchObject(expected);
  });

  test('held is revoked, and valid again after the release', async () => {
    const { identity, leaf } = await newWorkload();
    const target = { kind: 'identity', value: identity.spiffeId } as const;
    const { revocation } = await revoke(it.attesting, ROOT, { target, mode: 'hold' });
    expect(validate(leaf)).toMatchObject({ status: 'revoked', reason: 'certificate_hold' });
    await releaseRevocation(it.attesting, ROOT, revocation.id);
    expect(validate(leaf)).toMatchObject({ status: 'valid' });
  });

  test('is good through its last second, as the certificate says', async () => {
    const { identity, leaf } = await newWorkload();
    const left = identity.notAfter * 1000 - it.ledger.clock.now();
    await it.pass(left);
    expect(validate(leaf).status).toBe('valid');
    await it.pass(1000);
    expect(validate(leaf)).toMatchObject({ status: 'expired', expiresAt: identity.notAfter });
  });

  test('superseded by its successor is no longer good', async () => {
    // DEC-12
    const { identity, leaf } = await newWorkload();
    const { id: successor } = (await newWorkload()).identity;
    const fact = { kind: 'superseded', predecessor: identity.id, successor } as const;
    await it.ledger.ledger.append({ facts: [fact] });
    expect(validate(leaf)).toMatchObject({ status: 'revoked', reason: 'superseded' });
  });
});

describe('a JWT-SVID', () => {
  test('is valid, then expired', async () => {
    const { caller } = await newWorkload();
    const token = await jwtFor(caller, 'https://db.example.org');
    const valid = {
      status: 'valid',
      kind: 'jwt-svid',
      spiffeId: caller.spiffeId,
      audience: ['https://db.example.org'],
    };
    expect(validate(token)).toMatchObject(valid);
    expect(validate(`  ${token}\n`)).toMatchObject(valid);
    const issuedAt = Math.floor(it.ledger.clock.now() / 1000);
    await it.pass((issuedAt + 300) * 1000 - 1 - it.ledger.clock.now());
    expect(validate(token)).toMatchObject({ status: 'valid' });
    await it.pass(1);
    expect(validate(token)).toMatchObject({ status: 'expired' });
  });

  test('is unknown with another signature, header or claim', async () => {
    const { caller } = await newWorkload();
    const [header = '', claims = '', signature = ''] = (await jwtFor(caller, 'a')).split('.');
    const [, otherClaims = '', otherSignature = ''] = (await jwtFor(caller, 'a')).split('.');
    const forged = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const token of [
      `${header}.${claims}.${otherSignature}`,
      `${header}.${otherClaims}.${signature}`,
      `${forged}.${claims}.${signature}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
    ]) {
      expect(validate(token)).toEqual({ status: 'unknown' });
    }
  });

  test('dies with the entry that it came from', async () => {
    const { caller } = await newWorkload();
    const token = await jwtFor(caller, 'a');
    const target = { kind: 'entry', value: caller.row.entry ?? '' } as const;
    await revoke(it.attesting, ROOT, { target, mode: 'reissue' });
    expect(validate(token)).toMatchObject({ status: 'revoked', reason: 'unspecified' });
  });
});

test.each(['', 'x', 'a.b.c', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', '\u0000'.repeat(9)])(
  '%j is unknown',
  (text) => {
    expect(validate(text)).toEqual({ status: 'unknown' });
    expect(validate(Buffer.from(text))).toEqual({ status: 'unknown' });
  },
);

describe('who may hear of a credential', () => {
  const hears = (caller: Caller, credential: string | Uint8Array): boolean =>
    mayHearOf(it.attesting, caller, validate(credential));

  test('its holder, and anyone of what is unknown', async () => {
    const [one, other] = [await newWorkload(), await newWorkload()];
    expect([hears(one.caller, one.leaf), hears(other.caller, one.leaf)]).toEqual([true, false]);
    expect(hears(other.caller, 'nothing')).toBe(true);
  });

  test('whom a token names, and the owner of the resource that it names', async () => {
    const [one, other] = [await newWorkload(), await newWorkload()];
    expect(hears(other.caller, await jwtFor(one.caller, other.identity.spiffeId))).toBe(true);
    const token = await jwtFor(one.caller, API.identifier);
    expect(hears(other.caller, token)).toBe(false);
    await createResource(it.attesting, ROOT, { ...API, owners: [other.identity.spiffeId] });
    expect(hears(other.caller, token)).toBe(true);
  });

  test('administrators of its SPIFFE ID', async () => {
    const one = await newWorkload();
    const adminOf = async (prefix: string, expiresAt?: number): Promise<Caller> => {
      const { caller } = await newWorkload();
      const entry = it.ledger.views.entries.get(caller.row.entry ?? '');
      if (!entry) throw new Error('no entry');
      const admin = { role: 'viewer', prefix: parseSpiffeId(prefix) } as const;
      await it.entry(entry.id, { ...entry, revision: 2, admin, ...(expiresAt !== undefined && { expiresAt }) });
      return caller;
    };
    expect(hears(await adminOf('spiffe://example.org'), one.leaf)).toBe(true);
    expect(hears(await adminOf('spiffe://example.org/elsewhere'), one.leaf)).toBe(false);
    expect(hears(await adminOf('spiffe://example.org', 1), one.leaf)).toBe(false);
  });
});
