import { validationFormFor } from '../../../src/adapters/sds/envoy-node.ts';
import type { NodeMessage, StructValue } from '../../../src/adapters/sds/messages.ts';

const node = (changes: Partial<NodeMessage> = {}): NodeMessage => ({ id: 'web-1', metadata: null, ...changes });

const version = (majorNumber: number, minorNumber: number): Partial<NodeMessage> => ({
  userAgentBuildVersion: { version: { majorNumber, minorNumber } },
});

const disabled = (value: StructValue): Partial<NodeMessage> => ({
  metadata: { fields: { disable_spiffe_cert_validation: value } },
});

// SDS-9
describe('the form of validation contexts', () => {
  test.each([
    ['an Envoy that says nothing', node()],
    ['without a node', null],
    ['a build version without its number', node({ userAgentBuildVersion: { version: null } })],
    ['1.18', node(version(1, 18))],
    ['1.40', node(version(1, 40))],
    ['2.0', node(version(2, 0))],
    ['other metadata', node({ metadata: { fields: { role: { boolValue: true } } } })],
    ['metadata that are no boolean', node(disabled({ stringValue: 'perhaps' }))],
    ['a number', node(disabled({}))],
  ])('is the operator’s for %s', (_, each) => {
    expect(validationFormFor(each, 'spiffe')).toBe('spiffe');
    expect(validationFormFor(each, 'trusted_ca')).toBe('trusted_ca');
  });

  test.each([
    ['1.17', 1, 17],
    ['1.0', 1, 0],
    ['0.18', 0, 18],
    ['0.99', 0, 99],
  ])('is plain for %s, whatever anybody says', (_, major, minor) => {
    expect(validationFormFor(node(version(major, minor)), 'spiffe')).toBe('trusted_ca');
    expect(validationFormFor(node({ ...version(major, minor), ...disabled({ boolValue: false }) }), 'spiffe')).toBe(
      'trusted_ca',
    );
  });

  test.each<readonly [StructValue, 'spiffe' | 'trusted_ca']>([
    [{ boolValue: true }, 'trusted_ca'],
    [{ boolValue: false }, 'spiffe'],
    ...['1', 't', 'T', 'true', 'True', 'TRUE'].map((word) => [{ stringValue: word }, 'trusted_ca'] as const),
    ...['0', 'f', 'F', 'false', 'False', 'FALSE'].map((word) => [{ stringValue: word }, 'spiffe'] as const),
  ])('is the node’s with %j, in both directions', (value, form) => {
    expect(validationFormFor(node(disabled(value)), 'spiffe')).toBe(form);
    expect(validationFormFor(node(disabled(value)), 'trusted_ca')).toBe(form);
  });

  test('is not read from what the metadata inherit', () => {
    const fields = Object.create({ disable_spiffe_cert_validation: { boolValue: true } }) as Record<
      string,
      StructValue
    >;
    expect(validationFormFor(node({ metadata: { fields } }), 'spiffe')).toBe('spiffe');
  });
});
