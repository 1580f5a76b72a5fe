import { controlGroupsIn } from '../../../src/adapters/workload-attestors/control-groups.ts';
import { dockerAttestor } from '../../../src/adapters/workload-attestors/docker.ts';
import { LocalApiServer } from '../../support/local-api-server.ts';
import { heldProcess } from '../../support/workload-processes.ts';

const ID = 'a1'.repeat(32);
const OTHER = 'b2'.repeat(32);
const IMAGE = `sha256:${'c3'.repeat(32)}`;

const waits = new AbortController().signal;

let engine: LocalApiServer;
beforeEach(async () => {
  engine = await new LocalApiServer().listen();
});
afterEach(() => engine.close());

/** As `GET /containers/ID/json` of the Docker Engine API answers, as far as it matters here. */
const container = (changes: Readonly<Record<string, unknown>> = {}) => ({
  Id: ID,
  Created: '2026-11-22T12:00:00.000000000Z',
  Path: '/usr/bin/web',
  State: { Status: 'running', Running: true, Pid: 4711 },
  Image: IMAGE,
  Name: '/web-1',
  HostConfig: { Memory: 9_223_372_036_854_771_712, MemorySwap: -1 },
  Config: {
    Image: 'registry.example/web:1.4',
    Env: ['PASSWORD=geheim'],
    Labels: { app: 'web', 'com.example.team': 'a:b' },
  },
  ...changes,
});

const attesting = (path = `/system.slice/docker-${ID}.scope`): (() => Promise<readonly string[]>) => {
  const attestor = dockerAttestor({ socket: engine.socket, controlGroups: () => controlGroupsIn(`0::${path}`) });
  return () => attestor.attest(heldProcess(), waits);
};

const answers = (changes: Readonly<Record<string, unknown>> = {}): void =>
  engine.says(JSON.stringify(container(changes)));

test('labels and image of the container, and no environment', async () => {
  answers();
  expect(await attesting()()).toEqual([
    'docker:image_id:registry.example/web:1.4',
    `docker:image_config_digest:${IMAGE}`,
    'docker:label:app:web',
    'docker:label:com.example.team:a:b',
  ]);
  expect(engine.asked).toEqual([`/containers/${ID}/json`]);
});

test('the engine is asked once for a container, however many ask at once', async () => {
  answers();
  const attest = attesting();
  const found = await Promise.all([attest(), attest(), attest()]);
  expect(await attest()).toEqual(found[0]);
  expect(engine.asked).toHaveLength(1);
});

test('a failed answer is not kept', async () => {
  engine.says('{}', 500);
  const attest = attesting();
  await expect(attest()).rejects.toThrow('status 500');
  answers();
  expect(await attest()).toContain('docker:label:app:web');
});

test('a container without labels has an image', async () => {
  answers({ Config: { Image: 'web', Labels: null } });
  expect(await attesting()()).toEqual(['docker:image_id:web', `docker:image_config_digest:${IMAGE}`]);
});

test.each([
  ['no container', '/system.slice/nginx.service'],
  ['a container of a cluster', `/kubepods.slice/cri-containerd-${ID}.scope`],
  ['a name that a user chose', `/user.slice/user-1000.slice/user@1000.service/docker-${ID}.scope`],
])('%s is nothing to ask about', async (_name, path) => {
  answers();
  expect(await attesting(path)()).toEqual([]);
  expect(engine.asked).toEqual([]);
});

test('a container that the engine does not know is none of its', async () => {
  engine.says('{"message":"No such container"}', 404);
  expect(await attesting()()).toEqual([]);
});

test.each<[string, () => void, string]>([
  ['of another container', () => answers({ Id: OTHER }), 'another container'],
  ['without an id', () => answers({ Id: undefined }), 'no Id'],
  ['of one that ended', () => answers({ State: { Running: false } }), 'does not run'],
  ['without a state', () => answers({ State: undefined }), 'no State'],
  ['without a configuration', () => answers({ Config: [] }), 'no Config'],
  ['without an image', () => answers({ Config: { Image: '' } }), 'no Image'],
  ['with labels of another form', () => answers({ Config: { Image: 'a', Labels: ['a'] } }), 'no Labels'],
  ['with a label that is no text', () => answers({ Config: { Image: 'a', Labels: { a: 1 } } }), 'no text'],
  ['with a member twice', () => engine.says(JSON.stringify(container()).replace('{', `{"Id":"${OTHER}",`)), 'twice'],
  ['that is a list', () => engine.says('[]'), 'not an object'],
  ['that is empty', () => engine.says(''), ''],
  ['that is longer than 1 MiB', () => answers({ Name: 'a'.repeat(1024 * 1024) }), 'longer than'],
  ['that leads elsewhere', () => engine.says('', 302), 'status 302'],
  [
    'that breaks off',
    () => {
      engine.answer = (_request, response) => {
        response.writeHead(200, { 'content-length': '5000' });
        response.write('{"Id":', () => response.destroy());
      };
    },
    '',
  ],
  ['that never comes', () => (engine.answer = () => undefined), 'aborted'],
  [
    'that never ends',
    () => {
      engine.answer = (_request, response) => {
        response.write('{"Id":"');
        const drip = setInterval(() => response.write('a'), 20);
        response.once('close', () => clearInterval(drip));
      };
    },
    'aborted',
  ],
])('an answer %s is an error', async (_name, prepare, words) => {
  prepare();
  await expect(attesting()()).rejects.toThrow(words);
});

test('an engine that is not there is an error', async () => {
  const attestor = dockerAttestor({
    socket: `${engine.socket}-none`,
    controlGroups: () => controlGroupsIn(`0::/docker/${ID}`),
  });
  await expect(attestor.attest(heldProcess(), waits)).rejects.toThrow('ENOENT');
});
