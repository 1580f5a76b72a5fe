/** Resolves once everything else that waits in the event loop has had its turn. */
export const standAside = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
