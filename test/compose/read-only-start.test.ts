import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../../src/compose/server.ts';
import { keepingLogger } from '../support/http.ts';
import { folderAt, UsedFolders } from '../support/reseal-world.ts';

const folders = new UsedFolders();
beforeAll(() => folders.make());
afterAll(() => folders.remove());

/** What the log says of the certificate when a server starts on a store that takes no writes. */
const saidOfCertificate = async (prepare: (dataDir: string) => void): Promise<readonly string[]> => {
  const { config } = folderAt(folders.copy());
  const { dataDir } = config.server;
  const file = join(dataDir, 'head.json');
  const head = JSON.parse(readFileSync(file, 'utf8')) as { size: number };
  writeFileSync(file, JSON.stringify({ ...head, size: head.size + 1 }));
  prepare(dataDir);
  const logger = keepingLogger();
  const server = await startServer(config, { logger });
  expect(server.readOnly).toContain('the head file knows more');
  await server.stop();
  return logger.lines.map(({ message }) => message).filter((message) => message.includes('no certificate'));
};

// A backup does not hold it.
test('a server without the certificate that it had last says that nobody is answered over TLS, and until when', async () => {
  const said = await saidOfCertificate((dataDir) => rmSync(join(dataDir, 'listener.sealed')));
  expect(said).toEqual([
    expect.stringMatching(/only the admin socket and the metrics port answer.*until the store takes writes again/),
  ]);
});

test('one that has it shows it, and says nothing', async () => {
  expect(await saidOfCertificate(() => undefined)).toEqual([]);
});
