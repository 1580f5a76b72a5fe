import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';
import { TestWorkloadApi } from '../support/workload-api.ts';
import { newDomain, newSvid, x509Message } from '../support/workload-identities.ts';

// What others install: the packed package in a project of theirs, compiled, with its types.

const folder = mkdtempSync(join(tmpdir(), 'mayfly-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const node = (...args: string[]) => runCommand(process.execPath, args, { cwd: folder });

const CONSUMER = `
import { createServer, request } from 'node:https';
import { exactly, tlsOptions, WorkloadError, X509Source, type Peer, type X509Svid } from 'mayfly/workload';

await using source = await X509Source.create({
  address: process.argv[2],
  signal: AbortSignal.timeout(10_000),
  pick: (svids) => svids.find(({ hint }) => hint === undefined),
});
source.on('problem', (problem) => console.error(problem.code satisfies string));
const svid: X509Svid = source.svid();
const options: Parameters<typeof request>[1] = tlsOptions({
  source,
  authorize: (peer: Peer) => exactly('spiffe://example.org/db')(peer),
});
console.log(svid.spiffeId.toUpperCase(), source.bundleFor('example.org')?.authorities.length, typeof options);
console.log(new WorkloadError('closed', 'a') instanceof Error, typeof createServer);
`;

const STRICT = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  outDir: 'out',
  rootDir: '.',
};

/** Compiles what the entry point needs, and packs it with the real manifest. */
const pack = async (): Promise<string> => {
  const stage = join(folder, 'stage');
  mkdirSync(stage);
  for (const name of ['package.json', 'LICENSE', 'README.md']) cpSync(join(ROOT, name), join(stage, name));
  const config = join(folder, 'tsconfig.build.json');
  const compilerOptions = {
    rootDir: join(ROOT, 'src'),
    outDir: join(stage, 'dist'),
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  const files = [join(ROOT, 'src/workload/index.ts')];
  writeFileSync(
    config,
    JSON.stringify({ extends: join(ROOT, 'tsconfig.build.json'), compilerOptions, files, include: [] }),
  );
  expect(await node(tsc, '-p', config)).toMatchObject({ code: 0, stdout: '' });
  const packed = await runCommand('npm', ['pack', '--ignore-scripts', '--silent', stage], { cwd: folder });
  expect(packed).toMatchObject({ code: 0 });
  return packed.stdout.trim();
};

/** As an installation lays them out; what the package depends on comes from here and not from a registry. */
const install = async (tarball: string): Promise<void> => {
  const installed = join(folder, 'node_modules', 'mayfly');
  mkdirSync(installed, { recursive: true });
  expect(
    await runCommand('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed], { cwd: folder }),
  ).toMatchObject({ code: 0 });
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
};

test('a project that installed the package has its types and its code', async () => {
  await install(await pack());
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'main.ts'), CONSUMER);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICT, files: ['main.ts'] }));
  expect(await node(tsc)).toMatchObject({ code: 0, stdout: '' });

  const domain = await newDomain();
  const api = await new TestWorkloadApi().start();
  try {
    api.x509.send(x509Message(await newSvid(domain), domain));
    expect(await node('out/main.js', api.address)).toMatchObject({
      code: 0,
      stdout: 'SPIFFE://EXAMPLE.ORG/API 1 object\ntrue function\n',
      stderr: '',
    });
  } finally {
    api.close();
  }
});
