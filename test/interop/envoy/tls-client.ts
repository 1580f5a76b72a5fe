import { connect } from 'node:tls';
import { newHierarchy, ourLeaf, pem } from '../samples/x509.ts';
import { parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import { newKey } from '../../support/x509.ts';

/** PEM of what a TLS client shows. */
export interface Shown {
  readonly cert: string;
  readonly keyPem: string;
}

/** A certificate with the name of a workload, from a CA that nobody trusts. */
export const strangers = async (spiffeId: string): Promise<{ readonly sameNameOtherRoot: Shown }> => {
  const { issuing } = await newHierarchy('p256');
  const key = newKey();
  const leaf = await ourLeaf(issuing, key, { spiffeId: parseSpiffeId(spiffeId) });
  return {
    sameNameOtherRoot: {
      cert: pem([leaf, issuing.certificate.der]),
      keyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
  };
};

/** What a TLS server on a socket answers, or `refused` and why. The server is not looked at. */
export const tlsGet = (path: string, shown: Shown | undefined): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect({
      path,
      rejectUnauthorized: false,
      servername: 'service',
      ...(shown && { cert: shown.cert, key: shown.keyPem }),
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.once('error', (error) => resolve(`refused: ${error.message}`));
    socket.once('close', () => resolve(text.startsWith('HTTP/1.1 200') ? text : `refused: ${text}`));
    socket.write('GET / HTTP/1.1\r\nhost: service\r\nconnection: close\r\n\r\n');
  });
