import type { Target } from './target.ts';

/** By name; loaded one by one, so that coverage is asked only of the code that a target needs. */
export const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  der: async () => (await import('./targets/der.ts')).der,
  'distinguished-name': async () => (await import('./targets/der.ts')).distinguishedName,
  certificate: async () => (await import('./targets/certificates.ts')).certificate,
  'ca-certificate': async () => (await import('./targets/certificates.ts')).caCertificate,
  'x509-svid': async () => (await import('./targets/certificates.ts')).x509Svid,
  csr: async () => (await import('./targets/requests.ts')).csr,
  pem: async () => (await import('./targets/requests.ts')).pem,
  possession: async () => (await import('./targets/requests.ts')).possession,
  'ecdsa-signature': async () => (await import('./targets/requests.ts')).ecdsaSignature,
  challenge: async () => (await import('./targets/requests.ts')).challenge,
  json: async () => (await import('./targets/texts.ts')).json,
  base64url: async () => (await import('./targets/texts.ts')).base64url,
  'spiffe-id': async () => (await import('./targets/texts.ts')).spiffeId,
  form: async () => (await import('./targets/texts.ts')).form,
  'join-token': async () => (await import('./targets/texts.ts')).joinToken,
  jwk: async () => (await import('./targets/keys.ts')).jwk,
  bundle: async () => (await import('./targets/keys.ts')).bundle,
  'jwt-svid': async () => (await import('./targets/tokens.ts')).jwtSvid,
  'access-token': async () => (await import('./targets/tokens.ts')).accessToken,
  'oidc-token': async () => (await import('./targets/tokens.ts')).oidcToken,
  'fact-leaf': async () => (await import('./targets/files.ts')).factLeaf,
  'config-file': async () => (await import('./targets/files.ts')).configFile,
  'entry-file': async () => (await import('./targets/files.ts')).entryFile,
  http1: async () => (await import('./targets/http1.ts')).http1,
  http2: async () => (await import('./targets/http2.ts')).http2,
  'http-bodies': async () => (await import('./targets/http.ts')).httpBodies,
};

/** Throws a RangeError for a name that is none. */
export const loadTarget = (name: string): Promise<Target> => {
  const load = TARGETS[name];
  if (load === undefined) throw new RangeError(`no such target: ${name}`);
  return load();
};
