import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Unexpected } from '../shared/request.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

const certificatesOf = (pem: string): readonly string[] => pem.match(CERTIFICATE) ?? [];

/** Certificates that stand one after the other in DER, as PEM. */
export const splitCertificates = (octets: Buffer): string => {
  if (octets.length === 0) return '';
  // A certificate is far longer than 255 octets: its length takes two.
  const end = 4 + octets.readUInt16BE(2);
  return new X509Certificate(octets.subarray(0, end)).toString() + splitCertificates(octets.subarray(end));
};

interface Run {
  /** `missing`: there is no such program here. */
  readonly outcome: 'good' | 'bad' | 'missing';
  readonly text: string;
}

const run = (program: string, args: readonly string[]): Promise<Run> =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000 }, (error, stdout, stderr) => {
      const outcome = error ? (error.code === 'ENOENT' ? 'missing' : 'bad') : 'good';
      resolve({ outcome, text: `${stdout}${stderr}`.trim() });
    });
  });

/** With Node.js alone: every signature up to a root, and the time. */
const verifyWithNode = (chain: readonly string[], bundle: string, now: Date): void => {
  const path = chain.map((pem) => new X509Certificate(pem));
  const roots = certificatesOf(bundle).map((pem) => new X509Certificate(pem));
  const isGood = path.every((certificate, at) => {
    const issuers = at + 1 < path.length ? path.slice(at + 1, at + 2) : roots;
    const inTime = certificate.validFromDate <= now && now <= certificate.validToDate;
    return inTime && issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
  });
  if (!isGood) throw new Unexpected('node:crypto does not accept the X.509-SVID');
};

/** Lets OpenSSL judge a chain under the bundle, or Node.js where there is no OpenSSL. Gives what judged, and its words. */
export const verifyX509 = async (
  chain: string,
  bundleFile: { readonly path: string; readonly pem: string },
  folder: string,
): Promise<{ readonly tool: string; readonly said: string }> => {
  const [leaf = '', ...intermediates] = certificatesOf(chain);
  mkdirSync(folder, { mode: 0o700 });
  try {
    const [leafFile, chainFile] = [join(folder, 'leaf.pem'), join(folder, 'intermediates.pem')];
    writeFileSync(leafFile, leaf);
    writeFileSync(chainFile, intermediates.join(''));
    const args = ['verify', '-x509_strict', '-CAfile', bundleFile.path, '-untrusted', chainFile, leafFile];
    const { outcome, text } = await run('openssl', args);
    if (outcome === 'good') return { tool: 'openssl verify -x509_strict', said: 'OK' };
    if (outcome === 'bad') throw new Unexpected(`openssl does not accept the X.509-SVID: ${text}`);
    verifyWithNode([leaf, ...intermediates], bundleFile.pem, new Date());
    return { tool: 'node:crypto', said: 'signatures and times hold up to the root' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
