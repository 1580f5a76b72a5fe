import type { Authority } from '../../domain/authority.ts';
import type { Entry } from '../../domain/entry.ts';
import type { CredentialKind, CredentialRole } from '../../domain/fact.ts';
import type { RecordId } from '../../domain/record-id.ts';
import type { Resource } from '../../domain/resource.ts';

/** How values stand in columns, and come back. */
export const idToBlob = (id: string): Buffer => Buffer.from(id, 'hex');

/** Digests too. */
export const blobToHex = (blob: Uint8Array): string =>
  Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength).toString('hex');

export const blobToId = (blob: Uint8Array): RecordId => blobToHex(blob) as RecordId;

export const hexToBlob = (hex: string | undefined): Buffer | null =>
  hex === undefined ? null : Buffer.from(hex, 'hex');

const KINDS: readonly CredentialKind[] = ['x509-svid', 'jwt-svid', 'access-token'];
const ROLES: readonly CredentialRole[] = ['server', 'agent', 'agentless', 'workload'];

const member = <Value>(values: readonly Value[], at: number): Value => {
  const value = values[at];
  if (value === undefined) throw new RangeError(`the store holds an unknown code ${at}`);
  return value;
};

export const kindToCode = (kind: CredentialKind): number => KINDS.indexOf(kind);
export const codeToKind = (code: number): CredentialKind => member(KINDS, code);
export const roleToCode = (role: CredentialRole): number => ROLES.indexOf(role);
export const codeToRole = (code: number): CredentialRole => member(ROLES, code);

export const parseEntry = (data: string): Entry => JSON.parse(data) as Entry;
export const parseResource = (data: string): Resource => JSON.parse(data) as Resource;
export const parseAuthority = (data: string): Authority => JSON.parse(data) as Authority;
