/** Lets everything else that waits go first, and comes back. */
export type StandAside = () => Promise<void>;

/** A few milliseconds of work on entries. */
const SLICE = 32;

/** Long work on many records, in slices: a front end answers other callers in between. */
export const inSlices = async <T>(
  items: Iterable<T>,
  standAside: StandAside,
  work: (item: T, at: number) => void,
): Promise<void> => {
  let at = 0;
  for (const item of items) {
    if (at > 0 && at % SLICE === 0) await standAside();
    work(item, at);
    at += 1;
  }
};

/** `map`, in slices. */
export const mapInSlices = async <T, R>(
  items: Iterable<T>,
  standAside: StandAside,
  work: (item: T) => R,
): Promise<R[]> => {
  const made: R[] = [];
  await inSlices(items, standAside, (item) => void made.push(work(item)));
  return made;
};

/** In groups of so many, the last one smaller. Takes from `items` no more than it has given. */
export const pagesOf = function* <T>(items: Iterable<T>, size: number): Generator<readonly T[]> {
  let page: T[] = [];
  for (const item of items) {
    page.push(item);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
};
