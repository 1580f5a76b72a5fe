import type { NodeMessage } from './messages.ts';

/** How a validation context is written: for Envoy's SPIFFE validator (SDS-8), or as plain roots (SDS-9). */
export type ValidationForm = 'spiffe' | 'trusted_ca';

/** The key of `node.metadata` by which one Envoy chooses plain roots, or chooses against them. */
const DISABLE_KEY = 'disable_spiffe_cert_validation';

/** The first Envoy with the SPIFFE validator. */
const FIRST_MAJOR = 1;
const FIRST_MINOR = 18;

const TRUE_WORDS = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);
const FALSE_WORDS = new Set(['0', 'f', 'F', 'false', 'False', 'FALSE']);

/** What the metadata say, or nothing where they hold no boolean: annotations of meshes can only write strings. */
const disabledByNode = (node: NodeMessage): boolean | undefined => {
  const fields = node.metadata?.fields ?? {};
  const value = Object.hasOwn(fields, DISABLE_KEY) ? fields[DISABLE_KEY] : undefined;
  if (value?.boolValue !== undefined) return value.boolValue;
  if (value?.stringValue === undefined) return undefined;
  if (TRUE_WORDS.has(value.stringValue)) return true;
  return FALSE_WORDS.has(value.stringValue) ? false : undefined;
};

/** An Envoy that does not say its version is taken for a current one. */
const knowsSpiffeValidator = (node: NodeMessage): boolean => {
  const version = node.userAgentBuildVersion?.version;
  if (version === undefined || version === null) return true;
  const { majorNumber, minorNumber } = version;
  return majorNumber > FIRST_MAJOR || (majorNumber === FIRST_MAJOR && minorNumber >= FIRST_MINOR);
};

/**
 * The form for one Envoy (SDS-9): plain roots when it is older than 1.18; otherwise as its metadata say; otherwise as the
 * operator chose.
 */
export const validationFormFor = (node: NodeMessage | null, operatorForm: ValidationForm): ValidationForm => {
  if (node === null) return operatorForm;
  if (!knowsSpiffeValidator(node)) return 'trusted_ca';
  const disabled = disabledByNode(node);
  if (disabled === undefined) return operatorForm;
  return disabled ? 'trusted_ca' : 'spiffe';
};
