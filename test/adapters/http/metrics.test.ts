import { aggregateMetrics, Metrics } from '../../../src/adapters/http/metrics.ts';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import { metricsRoutes } from '../../../src/adapters/http/routes/metrics.ts';
import { ask, startServer, testServices } from '../../support/http.ts';

const item = defineRoute({
  method: 'GET',
  path: '/items/:id',
  listeners: ['api'],
  summary: 'an item',
  access: { kind: 'none' },
  answers: [],
  refusals: [],
  handle: () => ({}),
});

describe('metrics', () => {
  test('count by route, never by what was asked for', async () => {
    const services = testServices();
    const collect = async () => aggregateMetrics([await services.metrics.serialise()]);
    const api = await startServer([item], { services });
    const operations = await startServer(metricsRoutes({ collect }), { services, listener: 'metrics' });
    await ask({ port: api.port, path: '/items/secret-name?token=secret-token' });
    await ask({ port: api.port, path: '/unknown-secret' });
    const answer = await ask({ port: operations.port, path: '/metrics' });
    expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(answer.text).toContain(
      'mayfly_http_requests_total{listener="api",method="GET",route="/items/:id",status="204"} 1',
    );
    expect(answer.text).toContain('mayfly_refusals_total{listener="api",code="not_found"} 1');
    expect(answer.text).toMatch(
      /mayfly_http_request_seconds_bucket\{.*route="\/items\/:id".*le="2.5"|le="2.5".*route="\/items\/:id"/,
    );
    expect(answer.text).not.toContain('secret');
    await Promise.all([api.server.close(), operations.server.close()]);
  });

  test('of several front ends are added up, after a trip through a message', async () => {
    const [first, second] = [new Metrics(), new Metrics()];
    first.issued('x509-svid', 3);
    second.issued('x509-svid');
    second.issued('jwt-svid');
    first.connections('api', 5);
    second.connections('api', 7);
    first.appended(4);
    second.appended(2);
    const parts = structuredClone([await first.serialise(), await second.serialise()]);
    const text = await aggregateMetrics(parts);
    expect(text).toContain('mayfly_credentials_issued_total{credential="x509-svid"} 4');
    expect(text).toContain('mayfly_credentials_issued_total{credential="jwt-svid"} 1');
    expect(text).toContain('mayfly_http_connections{listener="api"} 12');
    expect(text).toContain('mayfly_ledger_append_seconds_count 2');
  });
});
