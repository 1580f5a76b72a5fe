import { decodeProtectedHeader } from 'jose';
import type { Rule, SampleFolder } from './manifest.ts';

/** Where the keys lie that a token is verified with. */
export interface KeyFiles {
  readonly bundle: string;
  readonly keys: string;
}

const fileOf = (folder: SampleFolder, name: string, token: string): string =>
  folder.file(`tokens/${name.replaceAll(/[^a-z0-9]+/gi, '-')}.jwt`, token);

/** The claims of a token as they stand there, for a reader to find again. */
const factsOf = (token: string): Record<string, unknown> => {
  decodeProtectedHeader(token);
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
};

interface TokenSample {
  readonly name: string;
  readonly token: string;
  readonly audience: string;
  readonly breaks?: Rule;
}

const commonOf = (folder: SampleFolder, { name, token, audience, breaks }: TokenSample) => ({
  name,
  token: fileOf(folder, name, token),
  audience,
  ...(breaks === undefined ? { facts: factsOf(token) } : { breaks }),
});

export const addJwtSvid = (folder: SampleFolder, sample: TokenSample & { readonly keys: KeyFiles }): void =>
  folder.add({ kind: 'jwt-svid', ...sample.keys, ...commonOf(folder, sample) });

export const addAccessToken = (
  folder: SampleFolder,
  sample: TokenSample & { readonly keys: string; readonly issuer: string },
): void => {
  const { keys, issuer } = sample;
  folder.add({ kind: 'access-token', keys, issuer, ...commonOf(folder, sample) });
};
