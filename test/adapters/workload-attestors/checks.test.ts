import { checkEngine, checkKubelet } from '../../../src/adapters/workload-attestors/checks.ts';
import { LocalApiServer } from '../../support/local-api-server.ts';

let server: LocalApiServer;
beforeEach(async () => {
  server = await new LocalApiServer().listen();
});
afterEach(() => server.close());

test('an engine is known by its version', async () => {
  server.says('{"Version":"29.0.1","ApiVersion":"1.52"}');
  expect(await checkEngine(server.socket)).toBe(`${server.socket}, version 29.0.1`);
  expect(server.asked).toEqual(['/version']);
});

test('a kubelet is known by its pods', async () => {
  const containerID = `containerd://${'a1'.repeat(32)}`;
  server.says(JSON.stringify({ items: [{ metadata: {}, status: { containerStatuses: [{ containerID }] } }] }));
  expect(await checkKubelet({ socket: server.socket })).toBe('1 container on this node');
});

test.each([
  ['something else', '{}', 200, 'no container engine'],
  ['a server without versions', '', 404, 'does not offer /version'],
  ['one that refuses', '', 403, 'status 403'],
])('%s is no engine', async (_name, text, status, words) => {
  server.says(text, status);
  await expect(checkEngine(server.socket)).rejects.toThrow(words);
});

test.each([
  ['something else', '{}', 200, 'without a list'],
  ['a server without pods', '', 404, 'does not offer /pods'],
  ['one that refuses', '', 401, 'status 401'],
])('%s is no kubelet', async (_name, text, status, words) => {
  server.says(text, status);
  await expect(checkKubelet({ socket: server.socket })).rejects.toThrow(words);
});

test('nothing there is an error', async () => {
  await expect(checkEngine(`${server.socket}-none`)).rejects.toThrow('ENOENT');
});
