import { containerOf } from '../../../src/adapters/workload-attestors/container-group.ts';
import { controlGroupsIn } from '../../../src/adapters/workload-attestors/control-groups.ts';

const ID = 'a1'.repeat(32);
const OTHER = 'b2'.repeat(32);
const POD = '0f6c2a5e-1b7d-4c55-9a41-2f2f5a1d7c10';
const POD_ = POD.replaceAll('-', '_');
const STATIC = '0123456789abcdef0123456789abcdef';

const container = (...lines: readonly string[]) => containerOf(controlGroupsIn(lines.join('\n')));

test.each([
  ['docker, systemd driver', [`0::/system.slice/docker-${ID}.scope`], { id: ID, runtime: 'docker' }],
  [
    'docker, a slice of the operator',
    [`0::/apps.slice/apps-web.slice/docker-${ID}.scope`],
    { id: ID, runtime: 'docker' },
  ],
  ['docker, cgroupfs driver', [`0::/docker/${ID}`], { id: ID }],
  ['docker, version 1', [`5:memory:/docker/${ID}`, `1:name=systemd:/docker/${ID}`, '0::/'], { id: ID }],
  ['podman', [`0::/machine.slice/libpod-${ID}.scope/container`], { id: ID, runtime: 'libpod' }],
  [
    'a group that the container made',
    [`0::/system.slice/docker-${ID}.scope/init.scope`],
    { id: ID, runtime: 'docker' },
  ],
  ['docker beside the agent’s own container', [`0::/../${ID}`], { id: ID }],
  ['docker beside the agent’s own, systemd driver', [`0::/../docker-${ID}.scope`], { id: ID, runtime: 'docker' }],
  [
    'containerd, systemd driver',
    [`0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${POD_}.slice/cri-containerd-${ID}.scope`],
    { id: ID, runtime: 'cri-containerd', podUid: POD },
  ],
  [
    'a guaranteed pod',
    [`0::/kubepods.slice/kubepods-pod${POD_}.slice/cri-containerd-${ID}.scope`],
    { id: ID, runtime: 'cri-containerd', podUid: POD },
  ],
  [
    'CRI-O with a group below',
    [`0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${POD_}.slice/crio-${ID}.scope/container`],
    { id: ID, runtime: 'crio', podUid: POD },
  ],
  [
    'docker in a pod',
    [`0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${POD_}.slice/docker-${ID}.scope`],
    { id: ID, runtime: 'docker', podUid: POD },
  ],
  ['cgroupfs driver', [`0::/kubepods/besteffort/pod${POD}/${ID}`], { id: ID, podUid: POD }],
  ['cgroupfs driver, guaranteed, version 1', [`3:pids:/kubepods/pod${POD}/${ID}`, '0::/'], { id: ID, podUid: POD }],
  ['CRI-O, cgroupfs driver', [`0::/kubepods/burstable/pod${POD}/crio-${ID}`], { id: ID, runtime: 'crio', podUid: POD }],
  ['a pod of the node itself', [`0::/kubepods/burstable/pod${STATIC}/${ID}`], { id: ID, podUid: STATIC }],
  [
    'names of the systemd driver, runtime without it',
    [`0::/system.slice/containerd.service/kubepods-besteffort-pod${POD_}.slice:cri-containerd:${ID}`],
    { id: ID, runtime: 'cri-containerd', podUid: POD },
  ],
  [
    'the same at the root',
    [`0::/kubepods-pod${POD_}.slice:cri-containerd:${ID}`],
    { id: ID, runtime: 'cri-containerd', podUid: POD },
  ],
  [
    'a kubelet with a root group',
    [`0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${POD_}.slice/cri-containerd-${ID}.scope`],
    { id: ID, runtime: 'cri-containerd', podUid: POD },
  ],
  ['the same with cgroupfs', [`0::/kubelet/kubepods/burstable/pod${POD}/${ID}`], { id: ID, podUid: POD }],
  [
    'an agent in a pod',
    [`0::/../../kubepods-besteffort.slice/kubepods-besteffort-pod${POD_}.slice/cri-containerd-${ID}.scope`],
    { id: ID, runtime: 'cri-containerd', podUid: POD },
  ],
  ['an agent in a pod, cgroupfs', [`0::/../../besteffort/pod${POD}/${ID}`], { id: ID, podUid: POD }],
  ['an agent in a pod of the same quality, cgroupfs', [`0::/../../pod${POD}/${ID}`], { id: ID, podUid: POD }],
])('%s', (_name, lines, expected) => {
  expect(container(...lines)).toEqual(expected);
});

test('the outermost container counts: those inside name what is below', () => {
  const outer = { id: ID, runtime: 'docker' };
  expect(container(`0::/system.slice/docker-${ID}.scope/docker-${OTHER}.scope`)).toEqual(outer);
  expect(container(`0::/system.slice/docker-${ID}.scope/docker/${OTHER}`)).toEqual(outer);
  const inner = `kubepods.slice/kubepods-pod${POD_}.slice/cri-containerd-${OTHER}.scope`;
  expect(container(`0::/system.slice/docker-${ID}.scope/${inner}`)).toEqual(outer);
  expect(container(`0::/docker/${ID}/kubepods/pod${POD}/${OTHER}`)).toEqual({ id: ID });
});

// A user's session and a service with a subtree of its own may make groups and name them as they like.
test.each([
  ['a user’s session', `/user.slice/user-1000.slice/user@1000.service/docker-${ID}.scope`],
  ['slices in it', `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`],
  [
    'a pod in it',
    `/user.slice/user-1000.slice/user@1000.service/kubepods.slice/kubepods-pod${POD_}.slice/cri-containerd-${ID}.scope`,
  ],
  ['the folder of an engine in it', `/user.slice/user-1000.slice/user@1000.service/docker/${ID}`],
  ['the folders of a kubelet in it', `/user.slice/user-1000.slice/user@1000.service/kubepods/pod${POD}/${ID}`],
  ['a service', `/system.slice/ci.service/docker-${ID}.scope`],
  ['a service, all in one name', `/system.slice/ci.service/kubepods-pod${POD_}.slice:cri-containerd:${ID}`],
  [
    'a runtime’s name in a user’s session',
    `/user.slice/user@1000.service/containerd.service/kubepods-pod${POD_}.slice:cri-containerd:${ID}`,
  ],
  ['a scope', `/user.slice/user-1000.slice/session-3.scope/docker-${ID}.scope`],
  ['any folder', `/lab/docker/${ID}`],
  ['any folder, of a pod', `/lab/kubepods/pod${POD}/${ID}`],
  ['a folder below the pods', `/kubepods/lab/pod${POD}/${ID}`],
  [
    'a user’s session beside the agent’s own namespace',
    `/../user.slice/user-1000.slice/user@1000.service/docker-${ID}.scope`,
  ],
])('%s makes no container of a process', (_name, path) => {
  expect(container(`0::${path}`)).toBeUndefined();
});

test.each([
  ['no container', '/'],
  ['a service', '/system.slice/nginx.service'],
  ['a short id', `/docker/${ID.slice(1)}`],
  ['a long id', `/docker/${ID}0`],
  ['capital letters', `/docker/${ID.toUpperCase()}`],
  ['a helper of CRI-O', `/kubepods.slice/kubepods-pod${POD_}.slice/crio-conmon-${ID}.scope`],
  ['a helper of podman', `/machine.slice/libpod-conmon-${ID}.scope`],
  ['the pod itself', `/kubepods/besteffort/pod${POD}`],
  ['an id at the root', `/${ID}`],
  ['a group that is gone', `/docker/${ID} (deleted)`],
  ['a pod without the id of one', `/kubepods/podx/${ID}`],
])('%s', (_name, path) => {
  expect(container(`0::${path}`)).toBeUndefined();
});

test('hierarchies that tell of different containers tell of none', () => {
  expect(container(`5:memory:/docker/${ID}`, `1:name=systemd:/docker/${OTHER}`)).toBeUndefined();
  expect(container(`5:memory:/kubepods/pod${POD}/${ID}`, `1:name=systemd:/docker/${ID}`)).toBeUndefined();
});

test('a scope in a slice that only looks like a pod’s is in no pod', () => {
  expect(container(`0::/kubepods.slice/kubepods-podx.slice/cri-containerd-${ID}.scope`)).toEqual({
    id: ID,
    runtime: 'cri-containerd',
  });
});
