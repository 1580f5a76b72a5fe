import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { Refusal } from '../../domain/refusal.ts';
import { parseJson } from '../../formats/json.ts';
import type { AgentState, LearnedTrust, OwnSvid } from '../../ports/agent-state.ts';
import {
  HeadDocument,
  KeyDocument,
  keyDocument,
  SvidDocument,
  svidDocument,
  TrustDocument,
  trustDocument,
  VERSION,
} from './documents.ts';
import type { SeenFolder, StateFolder } from './folder.ts';

const FILES = {
  svid: 'svid.json',
  pending: 'pending-key.json',
  nodeKey: 'node-key.json',
  trust: 'trust.json',
  head: 'head.json',
} as const;

const MAX_BYTES = 1024 * 1024;

const damaged = (path: string, problem: string): Refusal =>
  new Refusal(
    'unavailable',
    `${path} is damaged (${problem}): put it back from a copy, or empty the folder and give the agent new evidence`,
  );

const isNewer = (document: unknown): boolean => {
  const version = typeof document === 'object' && document !== null && 'version' in document ? document.version : 0;
  return typeof version === 'number' && version > VERSION;
};

const parse = <T extends z.ZodType>(path: string, bytes: Uint8Array, schema: T): z.output<T> => {
  let document: unknown;
  try {
    document = parseJson(bytes, { maxBytes: MAX_BYTES });
  } catch (error) {
    throw damaged(path, error instanceof Refusal ? (error.reason ?? error.message) : 'it is no JSON');
  }
  if (isNewer(document)) throw new Refusal('unavailable', `${path} was written by a newer version of Mayfly`);
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(path, `${issue?.path.join('.') || 'it'}: ${issue?.message ?? ''}`);
};

const readDocument = <T extends z.ZodType>(
  folder: Pick<StateFolder, 'path' | 'read'>,
  name: string,
  schema: T,
): z.output<T> | undefined => {
  const bytes = folder.read(name, MAX_BYTES);
  return bytes && parse(join(folder.path, name), bytes, schema);
};

/** Who an agent is and whom it trusts, as its folder says now, which it may have. Refuses as `FolderAgentState` does. */
export const seenState = (folder: SeenFolder): Pick<AgentState, 'svid' | 'trust'> => {
  const svid = readDocument(folder, FILES.svid, SvidDocument);
  const trust = readDocument(folder, FILES.trust, TrustDocument);
  // An agent refuses to start on what is damaged in these.
  for (const name of [FILES.pending, FILES.nodeKey]) readDocument(folder, name, KeyDocument);
  readDocument(folder, FILES.head, HeadDocument);
  return { svid: () => svid, trust: () => trust };
};

/**
 * The state of an agent in a folder that it holds. All files are read when it is opened, and kept in memory. Refuses with
 * `unavailable` a file that is damaged, by its name, and what a newer version wrote: it never starts anew in silence.
 */
export class FolderAgentState implements AgentState {
  readonly #folder: StateFolder;
  #svid: OwnSvid | undefined;
  #pending: KeyObject | undefined;
  #nodeKey: KeyObject | undefined;
  #trust: LearnedTrust | undefined;
  #head: string | undefined;

  constructor(folder: StateFolder) {
    this.#folder = folder;
    this.#svid = readDocument(folder, FILES.svid, SvidDocument);
    this.#pending = readDocument(folder, FILES.pending, KeyDocument)?.key;
    this.#nodeKey = readDocument(folder, FILES.nodeKey, KeyDocument)?.key;
    this.#trust = readDocument(folder, FILES.trust, TrustDocument);
    const head = readDocument(folder, FILES.head, HeadDocument)?.head;
    this.#head = head && JSON.stringify(head);
    // The process ended between the two writes of `saveSvid`.
    if (this.#svid && this.#pending?.equals(this.#svid.key)) this.#dropPending();
  }

  svid(): OwnSvid | undefined {
    return this.#svid;
  }

  pendingKey(): KeyObject | undefined {
    return this.#pending;
  }

  nodeKey(): KeyObject | undefined {
    return this.#nodeKey;
  }

  trust(): LearnedTrust | undefined {
    return this.#trust;
  }

  head(): string | undefined {
    return this.#head;
  }

  saveSvid(svid: OwnSvid): void {
    this.#write(FILES.svid, svidDocument(svid));
    this.#svid = svid;
    if (this.#pending?.equals(svid.key)) this.#dropPending();
  }

  savePendingKey(key: KeyObject): void {
    this.#write(FILES.pending, keyDocument(key));
    this.#pending = key;
  }

  saveNodeKey(key: KeyObject): void {
    this.#write(FILES.nodeKey, keyDocument(key));
    this.#nodeKey = key;
  }

  saveTrust(trust: LearnedTrust): void {
    this.#write(FILES.trust, trustDocument(trust));
    this.#trust = trust;
  }

  saveHead(head: string): void {
    this.#write(FILES.head, { version: VERSION, head: JSON.parse(head) as unknown });
    this.#head = head;
  }

  forgetIdentity(): void {
    // The keys first: an SVID without its key is worth nothing, a key without SVID may be certified once more.
    this.#dropPending();
    this.#folder.remove(FILES.nodeKey);
    this.#nodeKey = undefined;
    this.#folder.remove(FILES.svid);
    this.#svid = undefined;
  }

  #dropPending(): void {
    this.#folder.remove(FILES.pending);
    this.#pending = undefined;
  }

  #write(name: string, document: object): void {
    this.#folder.replace(name, Buffer.from(`${JSON.stringify(document)}\n`));
  }
}
