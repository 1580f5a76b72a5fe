import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import { seal, type SealedPlace, unseal } from '../adapters/keys/seal.ts';
import { unixSeconds, type Instant } from '../domain/instant.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { ServerSvid } from '../usecases/issue-server-svid.ts';

const Kept = z.strictObject({ certificateChain: z.string(), privateKey: z.string(), notAfter: z.int() });

export interface KeptIdentityOptions {
  readonly dataDir: string;
  readonly trustDomain: string;
  readonly logId: string;
  readonly sealKey: Uint8Array;
  readonly entropy: Entropy;
}

/**
 * The identity of the listeners, sealed like the keys of authorities. A start that can record nothing can issue none either
 * (P1): with the one that the server had last, it still proves who it is to those who only ask.
 */
export class KeptIdentity {
  readonly #file: string;
  readonly #place: SealedPlace;
  readonly #sealKey: Uint8Array;
  readonly #entropy: Entropy;

  constructor({ dataDir, trustDomain, logId, sealKey, entropy }: KeptIdentityOptions) {
    this.#file = join(dataDir, 'listener.sealed');
    this.#place = { trustDomain, logId, keyId: 'listener', purpose: 'listener' };
    this.#sealKey = sealKey;
    this.#entropy = entropy;
  }

  keep({ certificateChain, privateKey, notAfter }: ServerSvid): void {
    const plain = Buffer.from(JSON.stringify({ certificateChain, privateKey, notAfter }));
    writeFileSync(`${this.#file}.next`, seal(plain, this.#sealKey, this.#place, this.#entropy), { mode: 0o600 });
    plain.fill(0);
    renameSync(`${this.#file}.next`, this.#file);
  }

  /** What was kept last; undefined when that has expired, does not open, or is not there. */
  take(now: Instant): TlsIdentity | undefined {
    let plain: Buffer | undefined;
    try {
      plain = unseal(readFileSync(this.#file, 'utf8'), this.#sealKey, this.#place);
      const { notAfter, ...identity } = Kept.parse(JSON.parse(plain.toString('utf8')));
      return notAfter > unixSeconds(now) ? identity : undefined;
    } catch {
      return undefined;
    } finally {
      plain?.fill(0);
    }
  }
}
