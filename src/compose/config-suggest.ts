/** How many letters have to be put in, taken out or changed to get from one text to the other. */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [i, letter] of from.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of to.split('').entries()) {
      next.push(Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
};

/** The known word that was probably meant, if one is near: at most `most` letters differ, a third of its length unless told. */
export const nearest = (word: string, known: readonly string[], most?: number): string | undefined => {
  const [best] = known
    .map((candidate) => ({ candidate, far: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, far }) => far <= (most ?? Math.max(1, Math.floor(candidate.length / 3))))
    .sort((a, b) => a.far - b.far);
  return best?.candidate;
};
