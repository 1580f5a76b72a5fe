import { type LocalApi, localApi, type LocalEndpoint, readAnswer } from './local-api.ts';
import { readPodList } from './pod-list.ts';

const LIMITS = { timeoutMs: 2_000, maxBytes: 32 * 1024 * 1024 };

const bodyOf = async (api: LocalApi, path: string): Promise<Buffer> => {
  const body = await api(path);
  if (body === undefined) throw new Error(`it does not offer ${path}`);
  return body;
};

/** Asks the engine for its version, for `mayfly agent check`. Rejects with what is wrong. */
export const checkEngine = async (socket: string): Promise<string> => {
  const { Version: version } = readAnswer(await bodyOf(localApi({ socket }, LIMITS), '/version'));
  if (typeof version !== 'string') throw new Error('what answers is no container engine');
  return `${socket}, version ${version}`;
};

/** Asks the kubelet for its pods, for `mayfly agent check`. Rejects with what is wrong. */
export const checkKubelet = async (kubelet: LocalEndpoint): Promise<string> => {
  const { size } = readPodList(readAnswer(await bodyOf(localApi(kubelet, LIMITS), '/pods')));
  return `${size} ${size === 1 ? 'container' : 'containers'} on this node`;
};
