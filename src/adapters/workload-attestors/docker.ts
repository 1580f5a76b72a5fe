import { isJsonObject, type JsonObject } from '../../formats/json.ts';
import type { WorkloadAttestor } from '../../ports/workload-attestor.ts';
import { type ContainerGroup, containerOf } from './container-group.ts';
import { controlGroupsOf } from './control-groups.ts';
import { type LocalApi, localApi, readAnswer } from './local-api.ts';

export interface DockerAttestorOptions {
  /** The engine's Unix socket. Default: `/var/run/docker.sock`. */
  readonly socket?: string;
  /** Default: what `/proc` says. */
  readonly controlGroups?: typeof controlGroupsOf;
}

const LIMITS = { timeoutMs: 450, maxBytes: 1024 * 1024 };
const MOST_KEPT = 1024;

/** Groups of these runtimes belong to no engine with this API. */
const OTHER_RUNTIMES: readonly (string | undefined)[] = ['cri-containerd', 'crio'];

const textOf = (object: JsonObject, name: string): string => {
  const text = object[name];
  if (typeof text !== 'string' || text === '') throw new Error(`the engine tells no ${name} of the container`);
  return text;
};

const objectOf = (object: JsonObject, name: string): JsonObject => {
  const member = object[name];
  if (!isJsonObject(member)) throw new Error(`the engine tells no ${name} of the container`);
  return member;
};

const labelsOf = (config: JsonObject): readonly string[] => {
  const labels = config['Labels'] ?? {};
  if (!isJsonObject(labels)) throw new Error('the engine tells no Labels of the container');
  return Object.entries(labels).map(([key, value]) => {
    if (typeof value !== 'string') throw new Error('the engine tells of a label that is no text');
    return `docker:label:${key}:${value}`;
  });
};

/** Of `GET /containers/ID/json`. Throws unless it speaks of that container, and of one that runs. */
const selectorsOf = (answer: JsonObject, id: string): readonly string[] => {
  if (textOf(answer, 'Id') !== id) throw new Error('the engine answers with another container');
  if (objectOf(answer, 'State')['Running'] !== true) throw new Error('the container does not run');
  const config = objectOf(answer, 'Config');
  return [
    `docker:image_id:${textOf(config, 'Image')}`,
    `docker:image_config_digest:${textOf(answer, 'Image')}`,
    ...labelsOf(config),
  ];
};

/** What the engine says of containers, each asked about once: labels and image of a container never change. */
class Containers {
  readonly #api: LocalApi;
  readonly #kept = new Map<string, Promise<readonly string[]>>();

  constructor(api: LocalApi) {
    this.#api = api;
  }

  async selectors({ id }: ContainerGroup): Promise<readonly string[]> {
    const kept = this.#kept.get(id);
    if (kept) return kept;
    const asked = this.#ask(id);
    this.#keep(id, asked);
    try {
      return await asked;
    } catch (error) {
      this.#kept.delete(id);
      throw error;
    }
  }

  async #ask(id: string): Promise<readonly string[]> {
    const answer = await this.#api(`/containers/${id}/json`);
    return answer === undefined ? [] : selectorsOf(readAnswer(answer), id);
  }

  #keep(id: string, asked: Promise<readonly string[]>): void {
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= MOST_KEPT) this.#kept.delete(oldest);
    this.#kept.set(id, asked);
  }
}

/**
 * `docker:label:KEY:VALUE`, `docker:image_id` (the image as it was asked for) and `docker:image_config_digest`, by the engine's
 * answer on its Unix socket; Podman's answers alike. No environment variables: they hold secrets, and selectors are told to the server.
 * Nothing for processes outside of containers, and in those that the engine does not know. Rejects when the engine does not answer
 * in 450 ms, or answers with another container.
 */
export const dockerAttestor = (options: DockerAttestorOptions = {}): WorkloadAttestor => {
  const containers = new Containers(localApi({ socket: options.socket ?? '/var/run/docker.sock' }, LIMITS));
  const { controlGroups = controlGroupsOf } = options;
  return {
    type: 'docker',
    attest: async ({ pid }) => {
      const container = containerOf(controlGroups(pid));
      if (container === undefined || OTHER_RUNTIMES.includes(container.runtime)) return [];
      return containers.selectors(container);
    },
  };
};
