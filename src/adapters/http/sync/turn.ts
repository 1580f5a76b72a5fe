/** Lets everything else that waits in the event loop go first. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
