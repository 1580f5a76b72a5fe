import { readFileSync, statSync } from 'node:fs';

const MAX_BYTES = 16 * 1024 * 1024;

const isMissing = (error: unknown): boolean => (error as { readonly code?: unknown }).code === 'ENOENT';

/** The first name of each id, as getpwuid(3) takes it. Lines that name no id are of no use here. */
const namesIn = (text: string): ReadonlyMap<number, string> => {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    // `+` and `-` are words to the name service, not accounts.
    if (!name || /^[#+-]/.test(name) || id === undefined || !/^\d+$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
};

/**
 * Names of users or groups by the local files, `/etc/passwd` and `/etc/group`, read anew when they change. The name service of the
 * C library is not asked: it may go to the network and would hold everybody up. Accounts of a directory (LDAP, SSSD) so have
 * no name here, and an agent in a container knows the names of its own image: select by number there.
 */
export class AccountNames {
  readonly #file: string;
  #mark = '';
  #names: ReadonlyMap<number, string> = new Map();

  constructor(file: string) {
    this.#file = file;
  }

  /** Throws when the file is there and cannot be read, or is longer than 16 MiB. */
  of(id: number): string | undefined {
    this.#refresh();
    return this.#names.get(id);
  }

  #refresh(): void {
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(this.#file, { bigint: true });
      const mark = [ino, size, mtimeNs, ctimeNs].join(' ');
      if (mark === this.#mark) return;
      if (size > MAX_BYTES) throw new Error(`${this.#file} is longer than 16 MiB`);
      this.#names = namesIn(readFileSync(this.#file, 'utf8'));
      this.#mark = mark;
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#names = new Map();
      this.#mark = '';
    }
  }
}
