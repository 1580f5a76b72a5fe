import { readFileSync } from 'node:fs';
import { Refusal } from '../../src/domain/refusal.ts';
import { importJwks, type VerificationKey } from '../../src/formats/jwk-import.ts';
import type { JsonObject, JsonValue } from '../../src/formats/json.ts';
import { parseJws, verifyJws } from '../../src/verify/jws.ts';
import { verifySignature } from '../../src/verify/jws-signature.ts';
import { OIDC_ALGORITHMS } from '../../src/verify/oidc-token.ts';

interface JoseGroup {
  readonly comment: string;
  readonly public?: JsonObject;
  readonly private: JsonObject;
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws?: string;
    readonly jwe?: string;
    readonly result: 'valid' | 'invalid';
  }[];
}

interface EddsaGroup {
  readonly publicKeyJwk: JsonObject;
  readonly tests: readonly { tcId: number; comment: string; msg: string; sig: string; result: 'valid' | 'invalid' }[];
}

const groupsOf = (file: string): readonly unknown[] => {
  const url = new URL(`../vectors/wycheproof/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { testGroups: unknown[] }).testGroups;
};

/** Some groups give the private key only; these members are what its owner would publish. */
const published = (jwk: JsonValue): JsonValue => {
  const { kty, crv, x, y, n, e, kid, use, alg, key_ops: keyOps } = jwk as JsonObject;
  const all = { kty, crv, x, y, n, e, kid, use, alg, ...(keyOps !== undefined && { key_ops: ['verify'] }) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
};

const keysOf = (group: JoseGroup): readonly VerificationKey[] => {
  const asSet = (value: JsonObject): readonly JsonValue[] => (Array.isArray(value['keys']) ? value['keys'] : [value]);
  return importJwks({ keys: group.public === undefined ? asSet(group.private).map(published) : asSet(group.public) });
};

/** A set that is refused as a whole verifies nothing, like one without usable keys. */
const isAccepted = (group: JoseGroup, token: string): boolean => {
  try {
    verifyJws(parseJws(token, { algorithms: OIDC_ALGORITHMS }), keysOf(group));
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
};

/**
 * The keys of these cases name another algorithm than their tokens: PS256 against PS384, and the misspelt ES521. Case 19
 * of json_web_key_test.json marks just that as invalid, and so do we (JW-01).
 */
const OTHER_ALGORITHM = new Set(
  ['346 rfc7520', '347 rfc7520', '350 rfc7520WithKeyOps', '351 rfc7520WithKeyOps'].map(
    (name) => `json_web_signature_test.json ${name}`,
  ),
);

const withoutAlgorithm = (group: JoseGroup): JoseGroup => {
  const { alg: _named, ...rest } = group.public ?? {};
  return { ...group, public: rest };
};

const usesMac = (group: JoseGroup): boolean => JSON.stringify(group.private).includes('"oct"');

// JK T2, JW T2
describe.each(['json_web_signature_test.json', 'json_web_crypto_test.json', 'json_web_key_test.json'])('%s', (file) => {
  const cases = (groupsOf(file) as readonly JoseGroup[]).flatMap((group) =>
    group.tests.map((test) => ({ ...test, group, label: `${test.tcId} ${group.comment}: ${test.comment}` })),
  );

  test('has cases of both results', () => {
    expect(new Set(cases.map(({ result }) => result))).toEqual(new Set(['valid', 'invalid']));
  });

  test.each(cases)('$label', ({ tcId, group, jws, jwe, result }) => {
    // MACs and encryption are refused whether they are right or wrong (JW-02, JW-09).
    const expected = result === 'valid' && jws !== undefined && !usesMac(group);
    const contradicts = OTHER_ALGORITHM.has(`${file} ${tcId} ${group.comment}`);
    expect(isAccepted(group, jws ?? jwe ?? '')).toBe(expected && !contradicts);
    if (contradicts) expect(isAccepted(withoutAlgorithm(group), jws ?? '')).toBe(expected);
  });
});

describe('ed25519_test.json', () => {
  const cases = (groupsOf('ed25519_test.json') as readonly EddsaGroup[]).flatMap((group) =>
    group.tests.map((test) => ({ ...test, jwk: group.publicKeyJwk })),
  );

  test.each(cases)('$tcId $comment', ({ jwk, msg, sig, result }) => {
    const { kid: _none, ...members } = jwk;
    const [key] = importJwks({ keys: [members] });
    const message = Buffer.from(msg, 'hex').toString('latin1');
    expect(key !== undefined && verifySignature('EdDSA', key, message, Buffer.from(sig, 'hex'))).toBe(
      result === 'valid',
    );
  });
});
