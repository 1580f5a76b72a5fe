import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePem, parsePem } from '../../../src/formats/pem.ts';
import { type Read, runReader } from '../samples/reader.ts';

const [folder = ''] = process.argv.slice(2);

const verify = (...options: string[]): void => {
  // Level 2 is what Debian's TLS asks of keys and hashes.
  const args = ['verify', '-x509_strict', '-auth_level', '2', '-no-CApath', '-no-CAstore', ...options];
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${stdout}${stderr}`.trim().split('\n').slice(-2).join(' '));
};

const readX509: Read<'x509'> = ({ chain, roots, host, address }, content) => {
  const [leaf = Buffer.alloc(0), ...intermediates] = parsePem(content(chain), 'CERTIFICATE');
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const anchors = content(roots) === '' ? ['-no-CAfile'] : ['-CAfile', roots];
  const untrusted = intermediates.flatMap((der, index) => [
    '-untrusted',
    write(`untrusted-${index}.pem`, encodePem('CERTIFICATE', der)),
  ]);
  const named = [
    ...(host === undefined ? [] : ['-verify_hostname', host]),
    ...(address === undefined ? [] : ['-verify_ip', address]),
  ];
  const file = write('leaf.pem', encodePem('CERTIFICATE', leaf));
  for (const purpose of ['sslclient', 'sslserver'])
    verify('-purpose', purpose, ...named, ...anchors, ...untrusted, file);
};

runReader({ reader: 'openssl', rules: ['pkix'], read: { x509: readX509 } });
