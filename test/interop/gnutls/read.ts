import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Read, runReader } from '../samples/reader.ts';

const PURPOSES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];
const [folder = ''] = process.argv.slice(2);

const verify = (...options: string[]): void => {
  const { status, stdout, stderr } = spawnSync('certtool', ['--verify', ...options], { encoding: 'utf8' });
  if (status !== 0) throw new Error(/Chain verification output: (.*)/.exec(stdout)?.[1] ?? stderr);
};

const readX509: Read<'x509'> = ({ chain, roots, host }, content) => {
  // certtool takes an empty list of anchors for none given, and looks at those of the system.
  if (content(roots) === '') throw new Error('no anchor');
  const files = ['--infile', join(folder, chain), '--load-ca-certificate', join(folder, roots)];
  const named = host === undefined ? [] : [`--verify-hostname=${host}`];
  for (const purpose of PURPOSES) verify(...files, `--verify-purpose=${purpose}`, ...named);
};

runReader({ reader: 'gnutls certtool', rules: ['pkix'], read: { x509: readX509 } });
