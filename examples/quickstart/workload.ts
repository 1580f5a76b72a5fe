import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { ask, expectAnswer } from '../shared/request.ts';
import type { Answer, Target, TlsClient } from '../shared/request.ts';

const Place = z.object({ epoch: z.int(), index: z.int() });
export type Place = z.output<typeof Place>;

const X509Svid = z.object({
  spiffeId: z.string(),
  serial: z.string(),
  chain: z.array(z.string()).min(2),
  notBefore: z.int(),
  notAfter: z.int(),
  ledger: Place,
});
export type X509Svid = z.output<typeof X509Svid>;

const JwtSvid = z.object({
  spiffeId: z.string(),
  jti: z.string(),
  token: z.string(),
  issuedAt: z.int(),
  expiresAt: z.int(),
  ledger: Place,
});

const AccessToken = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  scope: z.string(),
});

/** PEM of base64 DER. */
const certificatePem = (der: string): string =>
  `-----BEGIN CERTIFICATE-----\n${der.replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;

/** A workload that needs no agent: its private key is made here and never leaves. */
export class Workload {
  readonly #api: Target;
  readonly #privateKey: KeyObject;
  #svid: X509Svid | undefined;

  constructor(api: Target) {
    this.#api = api;
    this.#privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  }

  /** Shows a one-time token and the public key, and gets an identity. */
  async attest(token: string): Promise<X509Svid> {
    const json = { type: 'join_token', evidence: { token }, csr: this.#csr() };
    const answer = await ask(this.#at('/v1/attest'), { json });
    this.#svid = expectAnswer('the attestation', answer, 200, X509Svid);
    return this.#svid;
  }

  /** Its X.509-SVID, ready for TLS. */
  tls(): TlsClient {
    if (this.#svid === undefined) throw new Error('it has not attested yet');
    return {
      chain: this.#svid.chain.map(certificatePem).join(''),
      privateKey: this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  async jwtSvid(audience: string): Promise<z.output<typeof JwtSvid>> {
    const answer = await ask(this.#asItself('/v1/svids/jwt'), { json: { items: [{ audience: [audience] }] } });
    const { items } = expectAnswer('the JWT-SVID', answer, 200, z.object({ items: z.tuple([JwtSvid]) }));
    return items[0];
  }

  /** The client credentials grant, with the X.509-SVID of the connection as login. The answer may be a refusal. */
  requestToken(endpoint: string, resource: string, scope: string): Promise<Answer> {
    const form = { grant_type: 'client_credentials', client_id: this.#svid?.spiffeId ?? '', resource, scope };
    return ask({ ...this.#api, url: endpoint, client: this.tls() }, { form });
  }

  async accessToken(endpoint: string, resource: string, scope: string): Promise<z.output<typeof AccessToken>> {
    return expectAnswer('the access token', await this.requestToken(endpoint, resource, scope), 200, AccessToken);
  }

  /** Asks for a successor of its X.509-SVID. The answer may be a refusal. */
  requestRenewal(): Promise<Answer> {
    return ask(this.#asItself('/v1/svids/x509'), { json: { items: [{ csr: this.#csr() }] } });
  }

  #csr(): string {
    return writeCsr(this.#privateKey).toString('base64');
  }

  #at(path: string): Target {
    return { ...this.#api, url: new URL(path, this.#api.url).href };
  }

  #asItself(path: string): Target {
    return { ...this.#at(path), client: this.tls() };
  }
}
