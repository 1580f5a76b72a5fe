import * as fc from 'fast-check';
import { errorDescription, OAUTH_ERRORS } from '../../../src/adapters/http/oauth-error.ts';
import { PROBLEMS, problemOf } from '../../../src/adapters/http/problem.ts';
import type { HttpAnswer } from '../../../src/adapters/http/exchange.ts';
import { internalAnswer, refusalAnswer, sendAnswer } from '../../../src/adapters/http/render.ts';
import { Refusal, REFUSAL_CODES } from '../../../src/domain/refusal.ts';

describe('the form of OAuth', () => {
  test('uses the words that OAuth has for the token endpoint, and no others', () => {
    // CC-18, CC-19
    const words = new Set([
      'invalid_request',
      'invalid_client',
      'invalid_grant',
      'unauthorized_client',
      'unsupported_grant_type',
      'unsupported_response_type',
      'invalid_scope',
      'invalid_target',
      'temporarily_unavailable',
      'server_error',
    ]);
    for (const { error, status } of Object.values(OAUTH_ERRORS)) {
      expect(words).toContain(error);
      expect(status === 401).toBe(error === 'invalid_client');
    }
  });

  test('tells nothing about why a client is not known: the same bytes for every cause', () => {
    // CC-21
    const causes = [
      new Refusal('invalid_client', 'the key is wrong', { reason: 'a', decisionId: '01' }),
      new Refusal('unauthenticated', 'no certificate', { reason: 'b', decisionId: '02' }),
      new Refusal('revoked', 'revoked', { field: 'x' }),
    ];
    const answers = causes.map((cause) => refusalAnswer('oauth', cause));
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
    expect(answers[0]?.headers).toMatchObject({ 'mayfly-decision': '01', pragma: 'no-cache' });
  });

  test.each([
    ['Basic abc', 'Basic realm="mayfly", error="invalid_client"'],
    ['bearer abc', 'bearer realm="mayfly", error="invalid_client"'],
    ['"><script> x', 'Bearer realm="mayfly", error="invalid_client"'],
    // AS-09: a credential whose sender forgot the scheme
    ['s3cret-of-someone', 'Bearer realm="mayfly", error="invalid_client"'],
    [`${'a'.repeat(40)} x`, 'Bearer realm="mayfly", error="invalid_client"'],
    [undefined, undefined],
  ])('challenges who came with an Authorization header: %s', (authorization, challenge) => {
    // CC-18
    const { headers } = refusalAnswer('oauth', new Refusal('invalid_client', 'no'), authorization);
    expect(headers?.['www-authenticate']).toBe(challenge);
  });

  test('keeps descriptions to their characters, whatever they were', () => {
    // CC-20
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(errorDescription(text)).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/);
      }),
    );
    expect(errorDescription('scope "a\\b" é')).toBe("scope 'a?b' ?");
  });

  test.each(['rate_limited', 'busy', 'read_only', 'unavailable'] as const)('says when to come back: %s', (code) => {
    // AS-08
    const { status, headers, body } = refusalAnswer('oauth', new Refusal(code, 'later', { retryAfter: 7 }));
    expect(status === 429 || status === 503).toBe(true);
    expect(headers?.['retry-after']).toBe('7');
    expect(body).toMatchObject({ error: 'temporarily_unavailable' });
    expect(refusalAnswer('problem', new Refusal(code, 'later')).headers?.['retry-after']).toBe('1');
  });
});

describe('a problem document', () => {
  test('exists for every code, never with its reason', () => {
    for (const code of REFUSAL_CODES) {
      const problem = problemOf(new Refusal(code, 'the detail', { reason: 'the reason' }));
      expect(problem).toEqual({
        type: `urn:mayfly:problem:${code}`,
        title: PROBLEMS[code].title,
        status: PROBLEMS[code].status,
        code,
        detail: 'the detail',
      });
    }
  });

  test('of a failure says nothing more', () => {
    expect(Object.keys(internalAnswer('problem').body ?? {}).sort()).toEqual(['code', 'status', 'title', 'type']);
    expect(internalAnswer('oauth')).toMatchObject({ status: 500, body: { error: 'server_error' } });
  });
});

describe('a body', () => {
  const KIB = 1024;
  const text = (length: number): string => 'x'.repeat(length);
  const piecesOf = (body: object | string): number => {
    let pieces = 0;
    const response = {
      writeHead: () => response,
      write: (_part: Uint8Array, written: () => void) => {
        pieces += 1;
        written();
      },
      end: () => {
        pieces += 1;
      },
    };
    sendAnswer(response as unknown as HttpAnswer, { body });
    return pieces;
  };

  test.each([
    ['of 16 KiB goes at once', text(16 * KIB), 1],
    ['that others may share waits by the slice', text(200 * KIB), 13],
    ['of octets that others may share waits by the slice', Buffer.alloc(200 * KIB), 13],
    ['is measured in octets', '€'.repeat(15 * KIB), 3],
    ['that was made for one peer waits by larger slices', { text: text(200 * KIB) }, 4],
  ])('%s', (_name, body, pieces) => {
    expect(piecesOf(body)).toBe(pieces);
  });
});
