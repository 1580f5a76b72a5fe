import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Follower } from '../ledger/follow.ts';
import { publishBundle, bundlePem } from '../usecases/publish-bundle.ts';

const replaceFile = (path: string, text: string): void => {
  writeFileSync(`${path}.next`, text, { mode: 0o644 });
  renameSync(`${path}.next`, path);
};

/** Writes the trust bundle beside the data: `bundle.pem` for TLS tools, `bundle.json` in SPIFFE's form (DEC-33). */
export const writeBundleFile = (dataDir: string, follower: Follower): string => {
  const authorities = follower.authorities();
  const path = join(dataDir, 'bundle.pem');
  replaceFile(path, bundlePem(authorities));
  replaceFile(join(dataDir, 'bundle.json'), publishBundle(authorities, follower.bundleSequence()).body);
  return path;
};
