import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Follower } from '../ledger/follow.ts';
import type { Logger } from '../ports/logger.ts';
import { publishBundle, bundlePem } from '../usecases/publish-bundle.ts';

const replaceFile = (path: string, text: string): void => {
  writeFileSync(`${path}.next`, text, { mode: 0o644 });
  renameSync(`${path}.next`, path);
};

/** The trust bundle beside the data: `bundle.pem` for TLS tools, `bundle.json` in SPIFFE's form (DEC-33). */
export class BundleFile {
  readonly path: string;
  readonly #json: string;
  readonly #follower: Follower;
  readonly #logger: Logger;
  /** What is on disk is not what it should be. */
  #isBehind = false;

  constructor(dataDir: string, follower: Follower, logger: Logger) {
    this.path = join(dataDir, 'bundle.pem');
    this.#json = join(dataDir, 'bundle.json');
    this.#follower = follower;
    this.#logger = logger;
  }

  /** Throws when it cannot be written. */
  write(): void {
    const authorities = this.#follower.authorities();
    replaceFile(this.path, bundlePem(authorities));
    replaceFile(this.#json, publishBundle(authorities, this.#follower.bundleSequence()).body);
  }

  /** Authorities changed. That the file cannot follow, say on a full disk, is told, and keeps nobody else from following. */
  follow(): void {
    try {
      this.write();
    } catch (error) {
      const fields = { path: this.path, error: Error.isError(error) ? error.message : 'unknown' };
      if (!this.#isBehind) this.#logger.error('the bundle file is not written; it is tried again', fields);
      this.#isBehind = true;
      return;
    }
    if (this.#isBehind) this.#logger.info('the bundle file is written again', { path: this.path });
    this.#isBehind = false;
  }

  /** Tries once more what failed; to be called again and again. */
  catchUp(): void {
    if (this.#isBehind) this.follow();
  }
}
