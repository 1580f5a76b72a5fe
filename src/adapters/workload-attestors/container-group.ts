import { type ControlGroup, isSlice } from './control-groups.ts';

/** A container as its control group names it. */
export interface ContainerGroup {
  readonly id: string;
  /** Who runs it, where the name says so. */
  readonly runtime?: string;
  /** Of the pod it is in, as Kubernetes writes it. */
  readonly podUid?: string;
}

const ID = '[0-9a-f]{64}';
/** `docker-ID.scope`: the name that a runtime gives with the systemd driver. */
const SCOPE = new RegExp(`^(docker|cri-containerd|crio|libpod)-(${ID})\\.scope$`);
/** `ID` or `crio-ID`: the name with the cgroupfs driver. */
const PLAIN = new RegExp(`^(?:(crio)-)?(${ID})$`);
/** `SLICE:RUNTIME:ID`: what a runtime without the systemd driver makes of a kubelet's names with it. */
const TOGETHER = new RegExp(`^([^:]+\\.slice):(docker|cri-containerd|crio):(${ID})$`);

/** A UUID, or the hash that pods of the node itself (static pods) have. Within slices `_` stands for `-`. */
const POD_UID = '[0-9a-f]{8}(?:[_-]?[0-9a-f]{4}){3}[_-]?[0-9a-f]{12}';
const POD_SLICE = new RegExp(`^(?:.+-)?kubepods(?:-burstable|-besteffort)?-pod(${POD_UID})\\.slice$`);
const POD_FOLDER = new RegExp(`^pod(${POD_UID})$`);
const QUALITY = /^(?:burstable|besteffort)$/;

/** Services of root that runtimes without the systemd driver make their groups below. */
const RUNTIME_SERVICE = /^(?:containerd|docker|crio|kubelet|k3s|k3s-agent|rke2-server|rke2-agent)\.service$/;

const podIn = (pattern: RegExp, name: string | undefined): string | undefined =>
  pattern.exec(name ?? '')?.[1]?.replaceAll('_', '-');

const group = (id: string, runtime?: string, podUid?: string): ContainerGroup => ({
  id,
  ...(runtime !== undefined && { runtime }),
  ...(podUid !== undefined && { podUid }),
});

/** Only names that root gave: slices, and the way out of the agent's own namespace. */
const isOfRoot = (names: readonly string[]): boolean => names.every((name) => name === '..' || isSlice(name));

const inScope = (above: readonly string[], name: string): ContainerGroup | undefined => {
  const [, runtime, id] = SCOPE.exec(name) ?? [];
  if (id === undefined || !isOfRoot(above)) return undefined;
  return group(id, runtime, podIn(POD_SLICE, above.at(-1)));
};

const inTogether = (above: readonly string[], name: string): ContainerGroup | undefined => {
  const [, slice, runtime, id] = TOGETHER.exec(name) ?? [];
  const podUid = podIn(POD_SLICE, slice);
  const ofRoot = RUNTIME_SERVICE.test(above.at(-1) ?? '') ? above.slice(0, -1) : above;
  return id !== undefined && podUid !== undefined && isOfRoot(ofRoot) ? group(id, runtime, podUid) : undefined;
};

/** The folders that a kubelet makes for its pods: `kubepods/QUALITY/podUID`, perhaps below one for all (`kubelet`). */
const isOfKubelet = (names: readonly string[]): boolean => {
  const rest = names.filter((name) => name !== '..');
  const above = QUALITY.test(rest.at(-1) ?? '') ? rest.slice(0, -1) : rest;
  return /^(?:kubelet\/)?kubepods$/.test(above.join('/')) || (names.length > rest.length && above.length === 0);
};

/** `docker/ID` at the root, or beside the agent's own group. */
const isOfEngine = (names: readonly string[]): boolean => {
  const rest = names.filter((name) => name !== '..');
  return rest.join('/') === 'docker' || (names.length > 0 && rest.length === 0);
};

const inFolder = (above: readonly string[], name: string): ContainerGroup | undefined => {
  const [, runtime, id] = PLAIN.exec(name) ?? [];
  if (id === undefined) return undefined;
  const podUid = podIn(POD_FOLDER, above.at(-1));
  if (podUid !== undefined) return isOfKubelet(above.slice(0, -1)) ? group(id, runtime, podUid) : undefined;
  return isOfEngine(above) ? group(id, runtime) : undefined;
};

/** The outermost container on the way: what lies below it was named by those inside. */
const containerIn = (path: readonly string[]): ContainerGroup | undefined => {
  for (const [at, name] of path.entries()) {
    const above = path.slice(0, at);
    const found = inScope(above, name) ?? inTogether(above, name) ?? inFolder(above, name);
    if (found) return found;
  }
  return undefined;
};

const isEqual = (left: ContainerGroup, right: ContainerGroup): boolean =>
  left.id === right.id && left.podUid === right.podUid;

/**
 * The container that a process runs in, by docker, containerd, CRI-O and Podman with the systemd or the cgroupfs driver, in both
 * versions of control groups. Undefined when there is none, and when hierarchies tell of different ones. Groups that a user
 * or a container may have made and named (below services, scopes and containers) do not count. The mounts of a process
 * (`/proc/PID/mountinfo`) are not asked: a process in a user namespace arranges them as it likes.
 */
export const containerOf = (groups: readonly ControlGroup[]): ContainerGroup | undefined => {
  const found = groups.map(({ path }) => containerIn(path)).filter((container) => container !== undefined);
  const [first] = found;
  return first !== undefined && found.every((other) => isEqual(first, other)) ? first : undefined;
};
