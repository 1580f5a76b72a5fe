import { createPrivateKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { instant } from '../domain/instant.ts';
import { Refusal } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { Certificate } from '../formats/certificate.ts';
import { certificateThumbprint } from '../formats/certificate-hash.ts';
import { writeCsr } from '../formats/csr-writer.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { IssuedSvid } from '../ports/agent-server.ts';
import type { Holding } from './in-force.ts';
import { MAX_LEEWAY_SECONDS, readX509Svid, verifyX509Svid } from '../verify/x509-path.ts';

/** An X.509-SVID of a workload as the agent holds it. `credential` is its serial. */
export interface HeldSvid extends Holding {
  readonly chain: readonly Uint8Array[];
  /** PKCS #8, DER. */
  readonly key: Uint8Array;
  /** Unix milliseconds at which it came: its life is counted from here. */
  readonly receivedAt: number;
  /** Seconds from its beginning to its end, by the server's clock. */
  readonly life: number;
  /** What of the entry it was made from. */
  readonly basis: string;
  /** Hexadecimal key identifiers of the authorities above it, the root's among them. */
  readonly issuers: readonly string[];
  /** Thumbprint of the root that it leads to. */
  readonly anchor: string;
}

/** What of an entry shows in an X.509-SVID: with another one, a new SVID is due. */
export const basisOf = ({ spiffeId, x509Ttl, dnsNames = [], commonName }: SyncEntry): string =>
  JSON.stringify([spiffeId, x509Ttl ?? null, dnsNames, commonName ?? null]);

const generate = promisify(generateKeyPair);

/** A key pair that never leaves this machine, with the request for it. */
export const newKeyAndCsr = async (): Promise<{ readonly key: Uint8Array; readonly csr: Uint8Array }> => {
  const { privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return {
    key: privateKey,
    csr: writeCsr(createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' })),
  };
};

const keyIdOf = ({ subjectKeyId = new Uint8Array() }: Certificate): string => Buffer.from(subjectKeyId).toString('hex');

const unfit = (reason: string): Refusal =>
  new Refusal('invalid_svid', 'the server answered with an SVID that does not fit', { reason });

export interface ReceivedSvid {
  readonly entry: SyncEntry;
  /** What the entry was when it was asked for. */
  readonly basis: string;
  readonly issued: IssuedSvid;
  readonly key: Uint8Array;
  readonly csr: Uint8Array;
  readonly agent: SpiffeId;
  /** Unix milliseconds. */
  readonly at: number;
  readonly anchors: readonly Certificate[];
}

/**
 * Looks at what the server answered before any workload sees it: the entry's SPIFFE ID, our key, and a path to an authority
 * that workloads know already (TDB-14). Refuses with `invalid_svid`.
 */
export const acceptSvid = ({ entry, basis, issued, key, csr, agent, at, anchors }: ReceivedSvid): HeldSvid => {
  const svid = readX509Svid(issued.chain);
  if (svid.spiffeId !== entry.spiffeId) throw unfit('it names another SPIFFE ID than the entry');
  // The request holds the key as it stands in the certificate, octet by octet.
  if (!Buffer.from(csr).includes(Buffer.from(svid.leaf.spki))) throw unfit('it is for another key');
  if (svid.leaf.serial !== issued.serial) throw unfit('it has another serial');
  // At its own beginning: whether it is good now is the peer's question, by the peer's clock.
  const now = instant(svid.leaf.notBefore * 1000);
  const { path } = verifyX509Svid({ svid, rootsOf: () => anchors, now, leewaySeconds: MAX_LEEWAY_SECONDS });
  return {
    entryId: entry.id,
    spiffeId: svid.spiffeId,
    credential: issued.serial,
    chain: issued.chain,
    key,
    receivedAt: at,
    notAfter: svid.leaf.notAfter,
    life: svid.leaf.notAfter - svid.leaf.notBefore,
    ledger: issued.ledger,
    agent,
    basis,
    issuers: path.slice(1).map(keyIdOf),
    anchor: certificateThumbprint(path.at(-1)?.der ?? new Uint8Array()),
  };
};
