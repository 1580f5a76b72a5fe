import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * What a sample breaks. A reader is asked only for the rules that it says it knows: one that knows PKIX but not SPIFFE has
 * to accept a leaf with two URI names.
 */
export type Rule = 'pkix' | 'x509-svid' | 'jwt' | 'jwt-svid' | 'access-token' | 'keys';

interface Common {
  readonly name: string;
  /** Absent: a good one, which everyone accepts. */
  readonly breaks?: Rule;
  /** What a reader has to find in a good one, as far as it reports it. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** All files are relative to the folder of the manifest. */
export type Sample = Common &
  (
    | {
        readonly kind: 'x509';
        /** PEM, leaf first. */
        readonly chain: string;
        /** PEM of the anchors of `example.org`. */
        readonly roots: string;
        /** A host name and an address that the certificate is good for. */
        readonly host?: string;
        readonly address?: string;
      }
    | {
        readonly kind: 'jwt-svid';
        readonly token: string;
        /** The SPIFFE bundle of `example.org` and the same keys as a key set. */
        readonly bundle: string;
        readonly keys: string;
        readonly audience: string;
      }
    | {
        readonly kind: 'access-token';
        readonly token: string;
        readonly keys: string;
        readonly issuer: string;
        readonly audience: string;
      }
    | { readonly kind: 'jwks'; readonly keys: string }
    | { readonly kind: 'bundle'; readonly bundle: string }
  );

export interface Manifest {
  readonly trustDomain: string;
  readonly samples: readonly Sample[];
}

/** Collects samples and writes their files. */
export class SampleFolder {
  readonly #folder: string;
  readonly #samples: Sample[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes a file, and gives the name by which the manifest knows it. */
  file(name: string, content: string): string {
    const path = join(this.#folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode: 0o600 });
    return name;
  }

  add(sample: Sample): void {
    if (this.#samples.some(({ name }) => name === sample.name))
      throw new Error(`the sample ${sample.name} is there twice`);
    this.#samples.push(sample);
  }

  finish(): void {
    const manifest: Manifest = { trustDomain: 'example.org', samples: this.#samples };
    this.file('manifest.json', `${JSON.stringify(manifest, undefined, 2)}\n`);
  }
}
