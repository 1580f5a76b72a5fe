import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';

/** How many messages go in each direction: one, or a stream of them. */
export type MethodKind = 'unary' | 'serverStream' | 'bothStreams';

/** Answers a unary call: with what it ended with, or with a message. */
export type Respond = (error: unknown, answer?: unknown) => void;

/** A method that is served. */
export interface Method {
  readonly kind: MethodKind;
  /** How large a request may be. */
  readonly mostBytes: number;
  readonly deserialize: (octets: Buffer) => unknown;
  readonly serialize: (message: unknown) => Buffer;
  /** Takes a `ServerCall`; what else depends on the kind. */
  readonly handle: (call: unknown, respond?: Respond) => void;
}

/** The first request of Envoy is 61 KiB; nothing that workloads send comes near this. */
const MOST_BYTES = 1024 * 1024;

const kindOf = (isRequestStream: boolean, isResponseStream: boolean): MethodKind => {
  if (isRequestStream && isResponseStream) return 'bothStreams';
  if (isRequestStream) throw new Error('methods that only read a stream are not served');
  return isResponseStream ? 'serverStream' : 'unary';
};

/** What is served, by path. Services and their handlers are as those of grpc-js, whose helpers may be added too. */
export class ServiceTable {
  readonly #methods = new Map<string, Method>();
  readonly #later = new Map<string, () => void>();

  /** Methods without a handler are left out, and so answered with Unimplemented. No request may be larger than `mostBytes`. */
  addService(
    definition: ServiceDefinition,
    implementation: UntypedServiceImplementation,
    mostBytes = MOST_BYTES,
  ): void {
    for (const [name, method] of Object.entries(definition)) {
      const handle = implementation[name] ?? implementation[method.originalName ?? name];
      if (handle === undefined) continue;
      this.#methods.set(method.path, {
        kind: kindOf(method.requestStream, method.responseStream),
        mostBytes,
        deserialize: method.requestDeserialize,
        serialize: method.responseSerialize,
        handle: handle as Method['handle'],
      });
    }
  }

  /** Has `add` called before the first call under a path that begins so. */
  addLater(prefix: string, add: () => void): void {
    this.#later.set(prefix, add);
  }

  find(path: string): Method | undefined {
    const method = this.#methods.get(path);
    if (method !== undefined) return method;
    for (const [prefix, add] of this.#later) {
      if (!path.startsWith(prefix)) continue;
      this.#later.delete(prefix);
      add();
      return this.#methods.get(path);
    }
    return undefined;
  }
}
