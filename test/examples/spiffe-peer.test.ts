import type { PeerCertificate } from 'node:tls';
import { isSpiffeId, spiffeIdOf } from '../../examples/shared/spiffe-peer.ts';

const certificate = (subjectaltname: string | undefined): PeerCertificate => ({ subjectaltname }) as PeerCertificate;
const SERVER = 'spiffe://example.org/mayfly/server';

describe('the SPIFFE ID of a peer', () => {
  test('is its one URI name', () => {
    expect(spiffeIdOf(certificate(`URI:${SERVER}, IP Address:127.0.0.1`))).toBe(SERVER);
  });

  test.each([
    undefined,
    '',
    'DNS:example.org',
    'URI:https://example.org/',
    `URI:${SERVER}, URI:spiffe://example.org/other`,
    `DNS:"x, URI:${SERVER}", URI:spiffe://example.org/other`,
  ])('is none in %p', (names) => {
    expect(spiffeIdOf(certificate(names))).toBeUndefined();
  });

  test('has to be the expected one as a whole', () => {
    const check = isSpiffeId(SERVER);
    expect(check('127.0.0.1', certificate(`URI:${SERVER}`))).toBeUndefined();
    expect(check('127.0.0.1', certificate(`URI:${SERVER}/x`))).toMatchObject({
      message: `the server is not ${SERVER}`,
    });
    expect(check('127.0.0.1', certificate('DNS:127.0.0.1'))).toMatchObject({ message: `the server is not ${SERVER}` });
  });
});
