import { isJsonObject, type JsonObject, type JsonValue } from '../../formats/json.ts';

/** A container as the kubelet lists it. */
export interface ListedContainer {
  /** What its control group may be named by. */
  readonly podUids: readonly string[];
  readonly selectors: readonly string[];
}

/** By the id that the runtime gave; `ambiguous` where the list tells of two containers with one id. */
export type PodList = ReadonlyMap<string, ListedContainer | 'ambiguous'>;

const CONTAINER_ID = /^[a-z0-9-]+:\/\/([0-9a-f]{64})$/;
/** The annotation that the kubelet puts on pods of the node itself, with the id that it names their groups by. */
const STATIC_POD_UID = 'kubernetes.io/config.hash';
const STATUSES = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];

const objectOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {});
const listOf = (value: JsonValue | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];

const selector = (key: string, value: JsonValue | undefined): readonly string[] =>
  typeof value === 'string' && value !== '' ? [`k8s:${key}:${value}`] : [];

const podSelectors = (pod: JsonObject): readonly string[] => {
  const [metadata, spec] = [objectOf(pod['metadata']), objectOf(pod['spec'])];
  return [
    ...selector('ns', metadata['namespace']),
    ...selector('sa', spec['serviceAccountName']),
    ...selector('pod-name', metadata['name']),
    ...selector('pod-uid', metadata['uid']),
    ...selector('node-name', spec['nodeName']),
    ...Object.entries(objectOf(metadata['labels'])).flatMap(([key, value]) => selector(`pod-label:${key}`, value)),
    ...listOf(metadata['ownerReferences']).flatMap(({ kind, name, uid }) =>
      typeof kind === 'string'
        ? [...selector(`pod-owner:${kind}`, name), ...selector(`pod-owner-uid:${kind}`, uid)]
        : [],
    ),
  ];
};

/** The image as it was asked for and as it was found, which names its digest. */
const containerSelectors = (status: JsonObject): readonly string[] => [
  ...new Set([
    ...selector('container-name', status['name']),
    ...selector('container-image', status['image']),
    ...selector('container-image', status['imageID']),
  ]),
];

const podUidsOf = (pod: JsonObject): readonly string[] => {
  const metadata = objectOf(pod['metadata']);
  return [metadata['uid'], objectOf(metadata['annotations'])[STATIC_POD_UID]].filter((uid) => typeof uid === 'string');
};

/**
 * Reads what a kubelet answers to `GET /pods`: a Kubernetes PodList. What is not in the form of one is left out; throws when there
 * is no list at all.
 */
export const readPodList = (answer: JsonObject): PodList => {
  if (!Array.isArray(answer['items'])) throw new Error('the kubelet answers without a list of pods');
  const found = new Map<string, ListedContainer | 'ambiguous'>();
  for (const pod of listOf(answer['items'])) {
    const podUids = podUidsOf(pod);
    const ofPod = podSelectors(pod);
    for (const status of STATUSES.flatMap((name) => listOf(objectOf(pod['status'])[name]))) {
      const id = typeof status['containerID'] === 'string' ? CONTAINER_ID.exec(status['containerID'])?.[1] : undefined;
      if (id === undefined) continue;
      const listed = { podUids, selectors: [...ofPod, ...containerSelectors(status)] };
      found.set(id, found.has(id) ? 'ambiguous' : listed);
    }
  }
  return found;
};
