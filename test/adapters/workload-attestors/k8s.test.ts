import { controlGroupsIn } from '../../../src/adapters/workload-attestors/control-groups.ts';
import { k8sAttestor } from '../../../src/adapters/workload-attestors/k8s.ts';
import { LocalApiServer } from '../../support/local-api-server.ts';
import { heldProcess } from '../../support/workload-processes.ts';

const ID = 'a1'.repeat(32);
const SIDECAR = 'b2'.repeat(32);
const LATER = 'd4'.repeat(32);
const POD = '0f6c2a5e-1b7d-4c55-9a41-2f2f5a1d7c10';
const OTHER_POD = '1f6c2a5e-1b7d-4c55-9a41-2f2f5a1d7c10';

const waits = new AbortController().signal;

let kubelet: LocalApiServer;
let time: { now: number };
beforeEach(async () => {
  kubelet = await new LocalApiServer().listen();
  time = { now: 0 };
});
afterEach(() => kubelet.close());

const status = (name: string, id: string) => ({
  name,
  state: { running: { startedAt: '2026-11-22T12:00:00Z' } },
  image: `registry.example/${name}:1.4`,
  imageID: `registry.example/${name}@sha256:${'c3'.repeat(32)}`,
  containerID: `containerd://${id}`,
});

/** As a kubelet lists a pod at `GET /pods`, as far as it matters here. */
const pod = (changes: Readonly<Record<string, unknown>> = {}) => ({
  metadata: {
    name: 'web-7d9f-x2x4z',
    namespace: 'shop',
    uid: POD,
    labels: { app: 'web', 'app.kubernetes.io/part-of': 'shop' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d9f', uid: OTHER_POD, controller: true },
    ],
  },
  spec: { serviceAccountName: 'web', nodeName: 'node-1' },
  status: {
    phase: 'Running',
    containerStatuses: [status('web', ID), status('sidecar', SIDECAR)],
    initContainerStatuses: [status('setup', 'e5'.repeat(32))],
  },
  ...changes,
});

const lists = (...pods: readonly unknown[]): void =>
  kubelet.says(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods }));

const inPod = (id = ID, uid = POD): string => `/kubepods/besteffort/pod${uid}/${id}`;

const attestor = () => {
  let path = '';
  const k8s = k8sAttestor({
    kubelet: { socket: kubelet.socket },
    clock: { monotonic: () => time.now },
    controlGroups: () => controlGroupsIn(`0::${path}`),
  });
  return (at = inPod()): Promise<readonly string[]> => {
    path = at;
    return k8s.attest(heldProcess(), waits);
  };
};

test('a container is known by its pod and by itself', async () => {
  lists(pod({ metadata: { name: 'other', namespace: 'x', uid: OTHER_POD }, status: {} }), pod());
  expect(await attestor()()).toEqual([
    'k8s:ns:shop',
    'k8s:sa:web',
    'k8s:pod-name:web-7d9f-x2x4z',
    `k8s:pod-uid:${POD}`,
    'k8s:node-name:node-1',
    'k8s:pod-label:app:web',
    'k8s:pod-label:app.kubernetes.io/part-of:shop',
    'k8s:pod-owner:ReplicaSet:web-7d9f',
    `k8s:pod-owner-uid:ReplicaSet:${OTHER_POD}`,
    'k8s:container-name:web',
    'k8s:container-image:registry.example/web:1.4',
    `k8s:container-image:registry.example/web@sha256:${'c3'.repeat(32)}`,
  ]);
  expect(kubelet.asked).toEqual(['/pods']);
});

test('containers of one pod are told apart', async () => {
  lists(pod());
  const attest = attestor();
  expect(await attest(inPod(SIDECAR))).toContain('k8s:container-name:sidecar');
  expect(await attest(inPod('e5'.repeat(32)))).toContain('k8s:container-name:setup');
  expect(kubelet.asked).toHaveLength(1);
});

test('a pod of the node itself is found by the hash that names its group', async () => {
  const hash = '0123456789abcdef0123456789abcdef';
  lists(
    pod({
      metadata: {
        name: 'etcd',
        namespace: 'kube-system',
        uid: POD,
        annotations: { 'kubernetes.io/config.hash': hash },
      },
    }),
  );
  expect(await attestor()(inPod(ID, hash))).toContain('k8s:pod-name:etcd');
});

test.each([
  ['no pod', '/system.slice/nginx.service'],
  ['a container in no pod', `/system.slice/docker-${ID}.scope`],
  ['a name that a user chose', `/user.slice/user-1000.slice/user@1000.service/kubepods/pod${POD}/${ID}`],
])('%s is nothing to ask about', async (_name, path) => {
  lists(pod());
  expect(await attestor()(path)).toEqual([]);
  expect(kubelet.asked).toEqual([]);
});

test('an id that the list has twice is nobody’s', async () => {
  lists(pod({ status: { containerStatuses: [status('web', ID), status('sidecar', ID)] } }));
  expect(await attestor()()).toEqual([]);
  lists(pod(), pod({ metadata: { uid: OTHER_POD } }));
  expect(await attestor()()).toEqual([]);
});

test('a container that is listed in another pod is an error', async () => {
  lists(pod());
  await expect(attestor()(inPod(ID, OTHER_POD))).rejects.toThrow('another pod');
});

describe('how often the kubelet is asked', () => {
  test('not while the list is fresh', async () => {
    lists(pod());
    const attest = attestor();
    await attest();
    time.now += 10_000;
    await attest();
    expect(kubelet.asked).toHaveLength(1);
  });

  test('once a second for a container that is not listed', async () => {
    lists(pod());
    const attest = attestor();
    await attest();
    time.now += 1_000;
    for (let count = 0; count < 20; count += 1) await expect(attest(inPod(LATER))).rejects.toThrow('does not list');
    expect(kubelet.asked).toHaveLength(2);
    lists(pod({ status: { containerStatuses: [status('later', LATER)] } }));
    time.now += 1_000;
    expect(await attest(inPod(LATER))).toContain('k8s:container-name:later');
    expect(kubelet.asked).toHaveLength(3);
  });

  test('once for all who come at the same time', async () => {
    lists(pod());
    const attest = attestor();
    await Promise.all(Array.from({ length: 50 }, () => attest()));
    expect(kubelet.asked).toHaveLength(1);
  });

  test('beside the answer when the list is older than ten seconds', async () => {
    lists(pod());
    const attest = attestor();
    await attest();
    lists(pod({ metadata: { uid: POD, labels: { app: 'new' } } }));
    time.now += 10_001;
    expect(await attest()).toContain('k8s:pod-label:app:web');
    // One that is not listed waits for the same question to be answered.
    await expect(attest(inPod(LATER))).rejects.toThrow('does not list');
    expect(await attest()).toContain('k8s:pod-label:app:new');
    expect(kubelet.asked).toHaveLength(2);
  });

  test('a kubelet that is away takes nothing for a minute, and then everything', async () => {
    lists(pod());
    const attest = attestor();
    await attest();
    kubelet.says('', 503);
    time.now += 60_000;
    expect(await attest()).toContain('k8s:ns:shop');
    time.now += 1_001;
    await expect(attest()).rejects.toThrow('status 503');
    lists(pod());
    time.now += 1_001;
    expect(await attest()).toContain('k8s:ns:shop');
  });
});

test.each<[string, () => void, string]>([
  ['that it is not offered', () => kubelet.says('', 404), 'does not offer'],
  ['that it is forbidden', () => kubelet.says('Forbidden', 403), 'status 403'],
  ['without a list', () => kubelet.says('{"items":{}}'), 'without a list'],
  ['that is a text', () => kubelet.says('ok'), ''],
  ['with a member twice', () => kubelet.says('{"items":[],"items":[]}'), 'twice'],
  ['that nests without end', () => kubelet.says(`{"items":${'['.repeat(100)}${']'.repeat(100)}}`), 'nest'],
  ['that is longer than 32 MiB', () => kubelet.says(' '.repeat(32 * 1024 * 1024 + 1)), 'longer than'],
])('an answer %s is an error', async (_name, prepare, words) => {
  prepare();
  await expect(attestor()()).rejects.toThrow(words);
});

test.each([
  ['a pod that is a text', 'pod'],
  ['a pod without a status', pod({ status: undefined })],
  ['a container that did not start', pod({ status: { containerStatuses: [{ name: 'web' }] } })],
  [
    'a container with an id of another form',
    pod({ status: { containerStatuses: [{ ...status('web', ID), containerID: ID }] } }),
  ],
])('%s is left out', async (_name, odd) => {
  lists(odd);
  await expect(attestor()()).rejects.toThrow('does not list');
});

test('what is no text makes no selector', async () => {
  lists(
    pod({
      metadata: { uid: POD, namespace: 7, labels: { a: {}, b: 'c' }, ownerReferences: [{ kind: 1, name: 'x' }] },
      spec: [],
    }),
  );
  expect((await attestor()()).filter((selector) => !selector.startsWith('k8s:container'))).toEqual([
    `k8s:pod-uid:${POD}`,
    'k8s:pod-label:b:c',
  ]);
});
