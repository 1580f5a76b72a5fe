/** Calls that stay open, to be told when the agent closes. */
export class OpenCalls {
  readonly #ends = new Set<() => void>();
  #isClosing = false;

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** `end` is called once when the agent closes, or soon if it does already. The function returned takes it back. */
  add(end: () => void): () => void {
    this.#ends.add(end);
    if (this.#isClosing) queueMicrotask(() => this.endAll());
    return () => this.#ends.delete(end);
  }

  endAll(): void {
    this.#isClosing = true;
    const ends = [...this.#ends];
    this.#ends.clear();
    for (const end of ends) end();
  }
}
