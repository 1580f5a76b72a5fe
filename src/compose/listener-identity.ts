import { generateKeyPair } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { readGuardedFile } from '../adapters/keys/guarded-file.ts';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import type { MakeKey, ServerNames } from '../usecases/issue-server-svid.ts';
import type { Config } from './config.ts';

const generate = promisify(generateKeyPair);

export const makeListenerKey: MakeKey = async () => (await generate('ec', { namedCurve: 'P-256' })).privateKey;

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

const addressesBehind = (address: string): readonly string[] => {
  if (address !== '0.0.0.0' && address !== '::') return [address];
  return Object.values(networkInterfaces()).flatMap((all) =>
    // A link-local address means nothing without its interface, and no certificate can hold that.
    (all ?? []).filter((one) => !one.address.startsWith('fe80:')).map((one) => one.address),
  );
};

/** The names under which the listeners can be reached, for the SANs of the server's own SVID (DEC-33). */
export const listenerNames = ({ server }: Config): ServerNames => {
  const bound = [server.api.address, server.public.address].flatMap(addressesBehind);
  const urls = [server.api.url, server.public.url].filter((url) => url !== undefined);
  const hosts = ['localhost', hostname(), ...urls.map((url) => new URL(url).hostname)];
  return {
    ipAddresses: [...new Set(bound)].filter((address) => isIP(address) > 0).slice(0, 32),
    dnsNames: [...new Set(hosts)].filter((name) => isIP(name) === 0 && DNS_NAME.test(name)),
  };
};

const MAX_KEY_FILE_BYTES = 16 * 1024;

/** The web PKI certificate of `public`, where one is configured. Refuses as `readGuardedFile` for its key. */
export const publicIdentity = ({ server, credentials }: Config): TlsIdentity | undefined => {
  const { certificate } = server.public;
  if (!certificate) return undefined;
  return {
    certificateChain: readFileSync(certificate.certFile, 'utf8'),
    privateKey: readGuardedFile(certificate.keyFile, {
      what: 'private key',
      maxBytes: MAX_KEY_FILE_BYTES,
      credentials,
    }).toString(),
  };
};
