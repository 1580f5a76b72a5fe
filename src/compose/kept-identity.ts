import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import { seal, type SealedPlace, unseal } from '../adapters/keys/seal.ts';
import { unixSeconds, type Instant } from '../domain/instant.ts';
import type { Logger } from '../ports/logger.ts';
import type { ServerSvid } from '../usecases/issue-server-svid.ts';
import type { Issuer } from '../usecases/issuer.ts';
import type { Config } from './config.ts';

const Kept = z.strictObject({ certificateChain: z.string(), privateKey: z.string(), notAfter: z.int() });

type Needs = Pick<Issuer, 'entropy' | 'views'> & { readonly logger: Logger };

/**
 * The identity of the listeners, sealed like the keys of authorities. A start that can record nothing can issue none either
 * (P1): with the one that the server had last, it still proves who it is to those who only ask.
 */
export class KeptIdentity {
  readonly #file: string;
  readonly #place: SealedPlace;
  readonly #sealKey: Uint8Array;
  readonly #needs: Needs;

  constructor({ trustDomain, server }: Config, sealKey: Uint8Array, needs: Needs) {
    const { logId } = needs.views.log.head();
    this.#file = join(server.dataDir, 'listener.sealed');
    this.#place = { trustDomain, logId, keyId: 'listener', purpose: 'listener' };
    this.#sealKey = sealKey;
    this.#needs = needs;
  }

  /** That it cannot be kept, say on a full disk, keeps nobody from using it: it is only told. */
  keep({ certificateChain, privateKey, notAfter }: ServerSvid): void {
    const { entropy, logger } = this.#needs;
    const plain = Buffer.from(JSON.stringify({ certificateChain, privateKey, notAfter }));
    try {
      writeFileSync(`${this.#file}.next`, seal(plain, this.#sealKey, this.#place, entropy), { mode: 0o600 });
      renameSync(`${this.#file}.next`, this.#file);
    } catch (error) {
      logger.warn('the identity of the listeners is not kept', { error: Error.isError(error) ? error.message : '' });
    } finally {
      plain.fill(0);
    }
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
