import { createPublicKey, X509Certificate } from 'node:crypto';
import { Refusal } from '../../../src/domain/refusal.ts';
import { bundleDocument } from '../../../src/formats/bundle.ts';
import { readBundle, readBundleMap } from '../../../src/formats/bundle-reader.ts';
import { importJwk, importJwks } from '../../../src/formats/jwk-import.ts';
import { jwkThumbprint, publicJwk, type PublicJwk } from '../../../src/formats/jwk.ts';
import { parseJsonObject } from '../../../src/formats/json.ts';
import { eitherMutator, jsonMutator, type Mutator } from '../mutate.ts';
import { derMutator } from '../mutate-der.ts';
import { EC_KEY, ROOT_DER, RSA_KEY, TRUST_DOMAIN, wycheproof } from '../samples.ts';
import { demand, text, unless, type Target } from '../target.ts';

const isRefusal = (error: unknown): boolean => error instanceof Refusal;

const WORDS = [
  '"use":"sig"',
  '"kty":"EC"',
  'AQAB',
  'Ag',
  'AA',
  'P-384',
  'Ed25519',
  'x509-svid',
  'jwt-svid',
  'trust_domains',
  '"d":"AA"',
];

const vectors = [...wycheproof('json_web_key'), ...wycheproof('json_web_signature'), ...wycheproof('json_web_crypto')]
  .flatMap(({ public: open, private: secret }) => [open, secret])
  .filter((jwk) => jwk !== undefined)
  .map((jwk) => Buffer.from(JSON.stringify(jwk)));

/** The key is the one that node:crypto reads from the same members, and it writes the same ones. */
const judgeKey = (jwk: PublicJwk): void => {
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  demand(jwkThumbprint(publicJwk(key)) === jwkThumbprint(jwk), 'a key that node:crypto writes in another way');
};

export const jwk: Target = {
  seeds: [...vectors, ...[EC_KEY, RSA_KEY].map((key) => Buffer.from(JSON.stringify(publicJwk(key))))],
  mutate: jsonMutator(WORDS),
  sources: ['formats/jwk-import.ts', 'formats/jwk.ts', 'formats/roca.ts'],
  run: (input) => {
    const read = unless(isRefusal, () => {
      const value = parseJsonObject(input);
      importJwks({ keys: [value, value] });
      importJwks(value['keys'] === undefined ? { keys: [value] } : value);
      return importJwk(value);
    });
    if (read !== undefined) judgeKey(read.jwk);
    return read !== undefined;
  },
};

const jwtKey = (key: typeof EC_KEY) => ({ kid: jwkThumbprint(publicJwk(key)), jwk: publicJwk(key) });
const document = bundleDocument({
  x509Authorities: [ROOT_DER],
  jwtKeys: [jwtKey(EC_KEY)],
  sequence: 3n,
  refreshHint: 300,
});
const foreign = JSON.stringify({
  keys: vectors.slice(0, 6).map((each) => ({ ...(JSON.parse(text(each)) as object), use: 'jwt-svid' })),
});

/** Changes the certificate of an authority, and leaves the rest. */
const changeCertificate: Mutator = (random) => {
  const der = derMutator(random, [ROOT_DER]).toString('base64');
  return Buffer.from(document.replace(ROOT_DER.toString('base64'), der));
};

export const bundle: Target = {
  seeds: [document, foreign, `{"trust_domains":{"a.example":${document},"b.example":{"keys":[]}}}`].map((each) =>
    Buffer.from(each),
  ),
  mutate: eitherMutator(jsonMutator(WORDS), changeCertificate),
  sources: ['formats/bundle-reader.ts'],
  run: (input) => {
    const map = unless(isRefusal, () => readBundleMap(input));
    const one = unless(isRefusal, () => readBundle(input, TRUST_DOMAIN));
    for (const { x509Authorities, jwtKeys } of [...(map?.values() ?? []), ...(one ? [one] : [])]) {
      for (const der of x509Authorities)
        demand(new X509Certificate(der).raw.equals(der), 'an authority is no certificate');
      for (const key of jwtKeys) judgeKey(key.jwk);
    }
    return map !== undefined || one !== undefined;
  },
};
