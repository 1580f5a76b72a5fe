// Exit 0 when node_modules holds what package-lock.json names, 1 when not. npm writes its own record of what it installed
// at the very end, so an interrupted installation never looks complete.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

const root = join(import.meta.dirname, '..');
const runOnly = process.argv.includes('--run-only');

const packagesOf = (file: string): Readonly<Record<string, LockedPackage>> =>
  existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> }).packages
    : {};

const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
const missing = Object.entries(packagesOf(join(root, 'package-lock.json'))).filter(([path, locked]) => {
  const needed = path !== '' && !locked.optional && !locked.devOptional && !(runOnly && locked.dev);
  const held = installed[path];
  return needed && (held?.version !== locked.version || held?.integrity !== locked.integrity);
});
process.exitCode = missing.length === 0 ? 0 : 1;
