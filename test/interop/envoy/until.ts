const EVERY_MS = 20;
const AT_MOST_MS = 60_000;

/** Looks again and again until there is something to see; fails after a minute. */
export const until = async <T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> => {
  const end = performance.now() + AT_MOST_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > end) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
};
