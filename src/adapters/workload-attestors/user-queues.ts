/**
 * Work of many users: one piece at a time for each of them, and for so many users at once. Who had a turn waits behind the others, so
 * that however much one user asks for, another waits for one piece of work of each user at most.
 */
export class UserQueues {
  readonly #most: number;
  /** Users in the order of their turns. */
  readonly #waiting = new Map<number, (() => Promise<void>)[]>();
  readonly #running = new Set<number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** What the work gives, or its rejection. */
  run<T>(uid: number, work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const piece = (): Promise<void> => work().then(resolve, reject);
    const mine = this.#waiting.get(uid);
    if (mine) mine.push(piece);
    else this.#waiting.set(uid, [piece]);
    this.#start();
    return promise;
  }

  #start(): void {
    for (const [uid, pieces] of this.#waiting) {
      if (this.#running.size >= this.#most) return;
      if (this.#running.has(uid)) continue;
      const piece = pieces.shift();
      if (pieces.length === 0) this.#waiting.delete(uid);
      if (piece) void this.#run(uid, piece);
    }
  }

  async #run(uid: number, piece: () => Promise<void>): Promise<void> {
    this.#running.add(uid);
    await piece();
    this.#running.delete(uid);
    const more = this.#waiting.get(uid);
    if (more) {
      this.#waiting.delete(uid);
      this.#waiting.set(uid, more);
    }
    this.#start();
  }
}
