import type { Clock } from '../../ports/clock.ts';
import type { WorkloadAttestor } from '../../ports/workload-attestor.ts';
import { containerOf } from './container-group.ts';
import { controlGroupsOf } from './control-groups.ts';
import { type LocalApi, localApi, type LocalEndpoint, readAnswer } from './local-api.ts';
import { type ListedContainer, type PodList, readPodList } from './pod-list.ts';

export interface K8sAttestorOptions {
  /** Usually `https://127.0.0.1:10250` with the kubelet's certificate as authority and the token of a service account. */
  readonly kubelet: LocalEndpoint;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Default: what `/proc` says. */
  readonly controlGroups?: typeof controlGroupsOf;
}

const LIMITS = { timeoutMs: 2_000, maxBytes: 32 * 1024 * 1024 };
/** Between two questions, whatever callers there are. */
const COOL_DOWN_MS = 1_000;
/** Labels of a pod may change while it runs: an older list is asked for anew, beside the answer. */
const FRESH_MS = 10_000;
/** An older list is no ground for an answer any more. */
const STALE_MS = 60_000;
/** Reading a long list holds everybody up; it may take a tenth of the time. */
const REST_FACTOR = 10;

/** The pods of the node as the kubelet last told them. */
class Pods {
  readonly #api: LocalApi;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #list: PodList | undefined;
  #listedAt = 0;
  #askedAt: number | undefined;
  #coolDownMs = COOL_DOWN_MS;
  #problem: unknown;
  #pending: Promise<void> | undefined;

  constructor(api: LocalApi, clock: Pick<Clock, 'monotonic'>) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Waits for the kubelet when the list lacks the container or is a minute old. Rejects when there is no list. */
  async find(id: string): Promise<ListedContainer | 'ambiguous' | undefined> {
    const refreshed = this.#age() > FRESH_MS || !this.#list?.has(id) ? this.#refresh() : undefined;
    if (this.#age() > STALE_MS || !this.#list?.has(id)) await refreshed;
    if (this.#list === undefined || this.#age() > STALE_MS) {
      throw this.#problem ?? new Error('the kubelet was not asked yet');
    }
    return this.#list.get(id);
  }

  #age(): number {
    return this.#list === undefined ? Infinity : this.#clock.monotonic() - this.#listedAt;
  }

  /** One at a time: whoever comes meanwhile waits for the same answer. Never rejects. */
  #refresh(): Promise<void> {
    if (this.#pending) return this.#pending;
    const now = this.#clock.monotonic();
    if (this.#askedAt !== undefined && now - this.#askedAt < this.#coolDownMs) return Promise.resolve();
    this.#askedAt = now;
    this.#pending = this.#ask(now).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #ask(now: number): Promise<void> {
    try {
      const answer = await this.#api('/pods');
      if (answer === undefined) throw new Error('the kubelet does not offer its pods');
      const began = this.#clock.monotonic();
      this.#list = readPodList(readAnswer(answer));
      this.#listedAt = now;
      this.#coolDownMs = Math.max(COOL_DOWN_MS, REST_FACTOR * (this.#clock.monotonic() - began));
    } catch (error) {
      this.#problem = error;
    }
  }
}

/**
 * `k8s:ns`, `k8s:sa`, `k8s:pod-name`, `k8s:pod-uid`, `k8s:pod-label:KEY:VALUE`, `k8s:pod-owner:KIND:NAME`, `k8s:pod-owner-uid:KIND:UID`,
 * `k8s:node-name`, `k8s:container-name` and `k8s:container-image` (as asked for, and with its digest), by the kubelet's list of
 * its pods, a minute old at most. Nothing for processes outside of pods, and for a container that the list names twice. Rejects
 * when the kubelet cannot be asked, and when it does not list the container (it learns of new ones a moment late) or lists it
 * in another pod.
 */
export const k8sAttestor = (options: K8sAttestorOptions): WorkloadAttestor => {
  const { kubelet, clock, controlGroups = controlGroupsOf } = options;
  const pods = new Pods(localApi(kubelet, LIMITS), clock);
  return {
    type: 'k8s',
    attest: async ({ pid }) => {
      const container = containerOf(controlGroups(pid));
      if (container?.podUid === undefined) return [];
      const listed = await pods.find(container.id);
      if (listed === 'ambiguous') return [];
      if (listed === undefined) throw new Error('the kubelet does not list the container');
      if (!listed.podUids.includes(container.podUid)) throw new Error('the kubelet lists the container in another pod');
      return listed.selectors;
    },
  };
};
