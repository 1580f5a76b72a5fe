import { appendFileSync, readFileSync } from 'node:fs';

/** What clients have in their hands, one JSON line each; the server never sees this file. */
export type HeldLine =
  /** `digest` is the SHA-256 of the TBS or of the signing input, as the client works it out. */
  | { readonly held: 'credential'; readonly id: string; readonly digest: string; readonly index?: number }
  /** A revocation was answered: nothing is issued for its target any more. */
  | { readonly held: 'revocation'; readonly id: string; readonly index: number }
  | { readonly held: 'entry'; readonly id: string }
  /** A client that did nothing wrong was turned away for good. */
  | { readonly held: 'trouble'; readonly what: string };

/** Appends before the client goes on, so that the file knows whatever a client knows. */
export class HeldFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    appendFileSync(path, '');
  }

  add(...lines: readonly HeldLine[]): void {
    appendFileSync(this.path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}

/** The lines of a file from an octet on, and where the next reading begins. */
export const readHeld = (path: string, from: number): { lines: readonly HeldLine[]; next: number } => {
  const bytes = readFileSync(path);
  const text = bytes.subarray(from).toString('utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return { lines: lines.map((line) => JSON.parse(line) as HeldLine), next: bytes.length };
};
