import { request } from 'node:http';
import { ask, askJson, startServer } from '../../support/http.ts';
import type { RunningServer } from '../../support/http.ts';
import { expectProblem, sampleRoutes } from '../../support/sample-routes.ts';

let handled = 0;

let running: RunningServer;
beforeAll(async () => {
  running = await startServer(sampleRoutes(() => void (handled += 1)));
});
afterAll(() => running.server.close());

const post = (path: string, value: unknown) => askJson({ port: running.port, path, value });

describe('bodies', () => {
  const raw = (path: string, type: string | undefined, body: string | Uint8Array) =>
    ask({
      port: running.port,
      method: 'POST',
      path,
      headers: type === undefined ? {} : { 'content-type': type },
      body,
    });

  test.each([
    ['/things/x', 'text/plain'],
    ['/things/x', 'application/json; charset=latin1'],
    ['/things/x', 'application/x-www-form-urlencoded'],
    ['/things/x', 'application/jsonp'],
    ['/things/x', undefined],
    ['/raw', 'application/json'],
  ])('%s refuses the content type %s', async (path, type) => {
    expectProblem(await raw(path, type, '{}'), 415, 'unsupported_media_type');
  });

  test('a content encoding is refused', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await ask({ port: running.port, method: 'POST', path: '/things/x', headers, body: '{}' });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  test('UTF-8 may be said', async () => {
    expect((await raw('/things/x', 'Application/JSON; Charset="UTF-8"', '{"name":"n"}')).status).toBe(201);
  });

  test('one byte too many is 413, before any work', async () => {
    // AS-07
    const before = handled;
    const body = Buffer.alloc(64 * 1024 + 1, 0x20);
    expectProblem(await raw('/things/x', 'application/json', body), 413, 'payload_too_large');
    expectProblem(await raw('/raw', 'application/ocsp-request', Buffer.alloc(17)), 413, 'payload_too_large');
    expect(handled).toBe(before);
    const fits = Buffer.from('{"name":"n"}'.padEnd(64 * 1024));
    expect((await raw('/things/x', 'application/json', fits)).status).toBe(201);
  });

  test('a member that is missing is said to be missing', async () => {
    const answer = await raw('/things/x', 'application/json', '{}');
    expect(answer.json()).toMatchObject({ field: 'name', detail: 'name: is missing' });
  });

  test('one that is empty, and must not be, is said to be empty', async () => {
    const answer = await raw('/things/x', 'application/json', '{"name":"n","tags":[{"key":""}]}');
    expect(answer.json()).toMatchObject({ field: 'tags[0].key', detail: 'tags[0].key: is empty' });
  });

  test('a length that was never announced is counted as it comes', async () => {
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked', 'content-length': '' };
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const sent = request(
      { port: running.port, host: '127.0.0.1', method: 'POST', path: '/things/x', headers: { ...headers } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    sent.once('error', () => resolve(undefined));
    sent.removeHeader('content-length');
    for (let count = 0; count < 20; count++) sent.write(Buffer.alloc(4096, 0x20));
    expect(await promise).toBe(413);
    sent.destroy();
  });

  test.each([
    ['not JSON', '{"name":'],
    ['empty', ''],
    ['a member twice', '{"name":"a","name":"b"}'],
    ['too deep', `{"name":${'['.repeat(17)}${']'.repeat(17)}}`],
    ['a byte order mark', '\ufeff{"name":"a"}'],
    ['__proto__', '{"__proto__":{}}'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('JSON is read strictly: %s', async (_name, body) => {
    expectProblem(await raw('/things/x', 'application/json', body), 400, 'invalid_request');
  });

  test('what the schema refuses is named', async () => {
    const answer = await post('/things/x', { tags: [{ key: 'k' }, {}] });
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json()).toMatchObject({ field: 'name' });
    expect(answer.json()['problems']).toMatchObject([{ field: 'name' }, { field: 'tags[1].key' }]);
    expect((await post('/things/x', { name: 'n', more: 1 })).json()).toMatchObject({ field: 'body' });
    expect((await post('/things/x?limit=11', { name: 'n' })).json()).toMatchObject({ field: 'limit' });
    expect((await post('/things/X1', { name: 'n' })).json()).toMatchObject({ field: 'id' });
  });

  test('a route without a body takes none', async () => {
    expectProblem(
      await ask({ port: running.port, method: 'DELETE', path: '/nothing', body: 'x' }),
      400,
      'invalid_request',
    );
  });
});

describe('forms', () => {
  const form = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    ask({
      port: running.port,
      method: 'POST',
      path: '/form',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8', ...headers },
      body,
    });

  test('are decoded, without what is empty, with what may come twice as an array', async () => {
    // CC-03, CC-04
    expect((await form('a=b+c%20%C3%A9&x=y&empty=&many=1&many=2')).json()).toEqual({ a: 'b c é', many: ['1', '2'] });
    expect((await form('a=1&many=1')).json()).toEqual({ a: '1', many: ['1'] });
  });

  test.each([
    ['a twice', 'a=1&a=2'],
    ['an unknown one twice', 'a=1&x=1&x=2'],
    ['a bad escape', 'a=%zz'],
    ['half an escape', 'a=%4'],
    ['bad UTF-8 in escapes', 'a=%ff'],
    ['bad UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
    ['a missing', 'b=1'],
    ['a empty', 'a='],
    ['too many', Array.from({ length: 65 }, (_none, at) => `p${at}=1`).join('&')],
  ])('are refused in the form of OAuth: %s', async (_name, body) => {
    // CC-05, CC-06
    const answer = await form(body);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toMatchObject({ error: 'invalid_request' });
    expect(answer.json()['error_description']).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
  });

  test('another content type or method is told in the form of OAuth too', async () => {
    // CC-01
    const json = await form('{}', { 'content-type': 'application/json' });
    expect([json.status, json.json()['error']]).toEqual([400, 'invalid_request']);
    const got = await ask({ port: running.port, path: '/form' });
    expect([got.status, got.headers['allow'], got.json()['error']]).toEqual([405, 'POST', 'invalid_request']);
  });
});
