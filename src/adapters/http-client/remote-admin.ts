import { connect } from 'node:tls';
import type { ConnectionOptions, DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Instant } from '../../domain/instant.ts';
import { Refusal } from '../../domain/refusal.ts';
import { serverId, trustDomainOf } from '../../domain/spiffe-id.ts';
import { readBundle } from '../../formats/bundle-reader.ts';
import { readCertificate } from '../../formats/certificate.ts';
import type { Certificate } from '../../formats/certificate.ts';
import { parsePem } from '../../formats/pem.ts';
import { readX509Svid, verifyX509Svid } from '../../verify/x509-path.ts';
import { adminApi, Unreachable } from './admin.ts';
import type { AdminApi } from './admin.ts';

export interface RemoteAdmin {
  /** `https://host:port` of the `api` listener. */
  readonly url: URL;
  /** The administrator's X.509-SVID in PEM, leaf first. */
  readonly certificate: string;
  readonly key: Buffer;
  /** The bundle of the trust domain: PEM, or the SPIFFE document. */
  readonly bundle: string;
  readonly now: () => Instant;
}

const MAX_CHAIN = 6;
/** Of the server's clock and ours (design.md §10). */
const LEEWAY_SECONDS = 60;

/** What the peer sent, leaf first, in DER. */
const presentedChain = (socket: TLSSocket): readonly Uint8Array[] => {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(certificate.raw);
    const above: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = above === certificate ? undefined : above;
  }
  return chain;
};

const open = (options: ConnectionOptions): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect(options, () => resolve(socket));
    socket.once('error', reject);
  });

/**
 * Remote administration with an admin's X.509-SVID. The TLS library's own check is off, since it knows names and not SPIFFE
 * IDs: before the first byte is sent the server is verified to be `spiffe://<trust domain>/mayfly/server` under the given
 * bundle (DEC-18, DEC-43), the trust domain being the administrator's own. Refuses with `invalid_svid` or `invalid_request`
 * a certificate or a bundle that cannot be read.
 */
export const remoteAdminApi = ({ url, certificate, key, bundle, now }: RemoteAdmin): AdminApi => {
  const own = readX509Svid(parsePem(certificate, 'CERTIFICATE'));
  const trustDomain = trustDomainOf(own.spiffeId);
  const roots: readonly Certificate[] = bundle.trimStart().startsWith('{')
    ? readBundle(bundle, trustDomain).x509Authorities.map(readCertificate)
    : parsePem(bundle, 'CERTIFICATE').map(readCertificate);

  const verifyServer = (socket: TLSSocket): void => {
    const svid = readX509Svid(presentedChain(socket));
    if (svid.spiffeId !== serverId(trustDomain)) {
      throw new Unreachable(`${url.host} is ${svid.spiffeId} and not ${serverId(trustDomain)}`);
    }
    try {
      verifyX509Svid({ svid, rootsOf: () => roots, now: now(), leewaySeconds: LEEWAY_SECONDS });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Unreachable(
        `the certificate of ${url.host} is not good under the bundle given: is the bundle current?`,
        error,
      );
    }
  };

  return adminApi(url.host, url.origin, async () => {
    const socket = await open({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port === '' ? 443 : url.port),
      ALPNProtocols: ['http/1.1'],
      cert: certificate,
      key,
      minVersion: 'TLSv1.3',
      // `verifyServer` decides, not the library: it does not know what a SPIFFE ID is.
      rejectUnauthorized: false,
    });
    try {
      verifyServer(socket);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  });
};
