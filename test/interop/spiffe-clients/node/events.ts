import { createInterface } from 'node:readline';
import { WorkloadError, type X509Bundle, type X509Context, type X509Svid } from '../../../../src/workload/index.ts';
import type { JwtBundle, JwtSvid } from '../../../../src/workload/index.ts';
import { createHash } from 'node:crypto';

/** Prints an event: one JSON object. */
export const emit = (event: string, more: object = {}): void => {
  console.log(JSON.stringify({ ts: Date.now(), event, ...more }));
};

const CODES: Readonly<Record<string, number>> = {
  invalid_request: 3,
  invalid_token: 3,
  no_identity: 7,
  unimplemented: 12,
  unavailable: 14,
};

/** The number of the gRPC status that the library made this error of, or null. */
const codeOf = (error: unknown): number | null => (error instanceof WorkloadError ? (CODES[error.code] ?? null) : null);

export const failure = (error: unknown) => ({ code: codeOf(error), message: (error as Error).message });

/** Runs a call of the library, and prints what it ended with if that is an error. */
export const attempt = async <Value>(call: string, run: () => Value | Promise<Value>): Promise<Value | undefined> => {
  try {
    return await run();
  } catch (error) {
    emit('error', { call, ...failure(error) });
    return undefined;
  }
};

/** Lines of standard input, cut at tabulators, until it is closed. */
export async function* eachLine(): AsyncGenerator<readonly string[]> {
  for await (const line of createInterface({ input: process.stdin })) yield line.split('\t');
}

export const untilClosed = async (): Promise<void> => {
  for await (const _ of eachLine());
};

/** Hexadecimal, without leading zeros. */
export const serialText = (serial: string): string => serial.toLowerCase().replace(/^0+/, '');

export const svidFields = ({ spiffeId, serial, notAfter, hint = '', chain }: X509Svid) => ({
  id: spiffeId,
  serial: serialText(serial),
  notAfter,
  hint,
  chain: chain.length,
});

/** The SHA-256 of every authority, by trust domain. */
export const x509BundleFields = (bundles: ReadonlyMap<string, X509Bundle>) => {
  const hash = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');
  return Object.fromEntries([...bundles].map(([name, { authorities }]) => [name, authorities.map(hash)]));
};

/** Every key id, by trust domain. */
export const jwtBundleFields = (bundles: ReadonlyMap<string, JwtBundle>) =>
  Object.fromEntries([...bundles].map(([name, { keys }]) => [name, keys.map(({ kid }) => kid)]));

export const contextFields = ({ svids, bundles }: X509Context) => ({
  svids: svids.map(svidFields),
  bundles: x509BundleFields(bundles),
});

export const tokenFields = ({ spiffeId, audience, expiresAt, hint = '', token }: JwtSvid) => {
  const [header = ''] = token.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
  return { id: spiffeId, audience, exp: expiresAt, hint, token, kid };
};
