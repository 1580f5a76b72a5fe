// Puts the protocol definitions beside the compiled files that read them; the compiler copies nothing but code.
import { cpSync, globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
for (const path of globSync('**/*.proto', { cwd: join(root, 'src') })) {
  cpSync(join(root, 'src', path), join(root, 'dist', path));
}
