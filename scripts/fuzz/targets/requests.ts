import { createPublicKey, sign, verify } from 'node:crypto';
import { Refusal } from '../../../src/domain/refusal.ts';
import { instant } from '../../../src/domain/instant.ts';
import { readCsr } from '../../../src/formats/csr.ts';
import { assembleCsr, csrInfo } from '../../../src/formats/csr-writer.ts';
import { ecdsaDerToP1363, ecdsaP1363ToDer } from '../../../src/formats/ecdsa-signature.ts';
import { encodePem, parsePem } from '../../../src/formats/pem.ts';
import { createChallenge, openChallenge } from '../../../src/usecases/challenge.ts';
import { possessionProblem } from '../../../src/verify/possession.ts';
import { bytesMutator, eitherMutator, type Mutator } from '../mutate.ts';
import { derMutator, readNodes, writeNode } from '../mutate-der.ts';
import { EC_KEY, LEAVES, NOW, ROOT_DER, RSA_KEY, spkiOf, wycheproof } from '../samples.ts';
import { demand, text, unless, type Target } from '../target.ts';

const isRefusal = (error: unknown): boolean => error instanceof Refusal;

const requestOf = (info: Buffer, isRsa: boolean): Buffer =>
  assembleCsr(info, isRsa ? 'RS256' : 'ES256', sign('sha256', info, isRsa ? RSA_KEY : EC_KEY));

/** Signs a changed request again, so that what stands behind the signature check is reached. */
const resigned: Mutator = (random, pool) => {
  const changed = derMutator(random, pool);
  const info = readNodes(changed)?.[0]?.children[0];
  return info === undefined ? changed : requestOf(writeNode(info), random.oneIn(2));
};

/** The three parts of a request, cut out by other code than the reader's. */
const partsOf = (der: Buffer) => {
  const [info, , signature] = readNodes(der)?.[0]?.children ?? [];
  demand(info !== undefined && signature !== undefined, 'a request without its parts was accepted');
  return { info: info && writeNode(info), signature: signature?.content.subarray(1) };
};

export const csr: Target = {
  seeds: [
    csrInfo({ spki: spkiOf(EC_KEY) }),
    csrInfo({ spki: spkiOf(RSA_KEY), subjectName: Buffer.from('3000', 'hex') }),
  ].map((info, at) => requestOf(info, at === 1)),
  mutate: eitherMutator(derMutator, resigned),
  sources: ['formats/csr.ts', 'formats/public-key.ts', 'formats/signature-algorithm.ts', 'formats/roca.ts'],
  run: (input) => {
    const request = unless(isRefusal, () => readCsr(input));
    if (request === undefined) return false;
    const key = createPublicKey({ key: Buffer.from(request.spki), type: 'spki', format: 'der' });
    demand(
      key.export({ type: 'spki', format: 'der' }).equals(request.spki),
      'a key that OpenSSL writes in another way',
    );
    const { info, signature } = partsOf(Buffer.from(input));
    const isSigned = ['sha256', 'sha384', 'sha512'].some(
      (name) => info !== undefined && signature !== undefined && verify(name, info, key, signature),
    );
    demand(isSigned, 'a request was accepted that its key has not signed');
    return true;
  },
};

const PEM_WORDS = [
  '-----BEGIN CERTIFICATE-----',
  '-----END CERTIFICATE-----',
  '-----BEGIN PRIVATE KEY-----',
  '\r\n',
  '\n',
  ' ',
  '=',
];
const BLOCK = /^-----BEGIN CERTIFICATE-----\s*\n([^-]*)^-----END CERTIFICATE-----\s*$/gm;

export const pem: Target = {
  seeds: [ROOT_DER, Buffer.concat(LEAVES)].map((der) => Buffer.from(encodePem('CERTIFICATE', der))),
  mutate: bytesMutator(PEM_WORDS),
  sources: ['formats/pem.ts'],
  run: (input) => {
    const written = text(input);
    const blocks = unless(isRefusal, () => parsePem(written, 'CERTIFICATE'));
    if (blocks === undefined) return false;
    const found = [...written.matchAll(BLOCK)].map(([, body = '']) => Buffer.from(body, 'base64').toString('hex'));
    demand(
      found.join() === blocks.map((block) => block.toString('hex')).join(),
      'other blocks than a plain search finds',
    );
    return true;
  },
};

const vectors = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'rsa_signature_2048_sha256'].flatMap((file) =>
  wycheproof(file).flatMap(({ publicKeyDer = '', tests }) =>
    tests.slice(0, 60).map(({ msg = '', sig = '' }) => [publicKeyDer, msg, sig].map((hex) => Buffer.from(hex, 'hex'))),
  ),
);

/** Length of the key, length of the message, then key, message, signature. */
const packed = ([spki, message, signature]: readonly Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.of((spki?.length ?? 0) >> 8, (spki?.length ?? 0) & 0xff, message?.length ?? 0),
    ...[spki, message, signature].map((each) => each ?? Buffer.alloc(0)),
  ]);

export const possession: Target = {
  seeds: vectors.filter(([, message]) => (message?.length ?? 0) < 256).map(packed),
  mutate: bytesMutator(),
  sources: ['verify/possession.ts'],
  run: (input) => {
    const keyEnd = 3 + ((input[0] ?? 0) << 8) + (input[1] ?? 0);
    const messageEnd = keyEnd + (input[2] ?? 0);
    const [spki, message, signature] = [
      input.subarray(3, keyEnd),
      input.subarray(keyEnd, messageEnd),
      input.subarray(messageEnd),
    ];
    if (possessionProblem(spki, message, signature) !== undefined) return false;
    const key = createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' });
    demand(key.export({ type: 'spki', format: 'der' }).equals(spki), 'a key that OpenSSL writes in another way');
    const name = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256';
    demand(verify(name, message, key, signature), 'a signature was accepted that does not verify');
    return true;
  },
};

export const ecdsaSignature: Target = {
  seeds: vectors.flatMap(([, , signature]) => (signature === undefined ? [] : [signature])),
  mutate: eitherMutator(derMutator, bytesMutator()),
  sources: ['formats/ecdsa-signature.ts'],
  run: (input) => {
    const isLong = input.length > 80;
    const plain = unless(
      (error) => error instanceof RangeError,
      () => ecdsaDerToP1363(input, isLong ? 'p384' : 'p256'),
    );
    if (plain === undefined) return false;
    demand(ecdsaP1363ToDer(plain, isLong ? 'p384' : 'p256').equals(input), 'a signature has two spellings');
    return true;
  },
};

const CHALLENGE_KEY = Buffer.alloc(32, 7);
const issuer = {
  clock: { now: () => NOW, monotonic: () => 0 },
  entropy: { bytes: (length: number) => Buffer.alloc(length, 9) },
};
const good = Buffer.from(createChallenge({ ...issuer, challengeKey: CHALLENGE_KEY }).nonce);

export const challenge: Target = {
  seeds: [good, Buffer.alloc(54)],
  mutate: bytesMutator(),
  sources: ['usecases/challenge.ts'],
  run: (input) => {
    const spend = unless(isRefusal, () => openChallenge(CHALLENGE_KEY, input, instant(NOW + 1000)));
    demand(spend === undefined || good.equals(input), 'a challenge was accepted that we did not make');
    return spend !== undefined;
  },
};
