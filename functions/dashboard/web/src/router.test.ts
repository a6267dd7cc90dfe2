import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedQuery, routeOf } from './router.ts';

test('every address names its view, and others none', () => {
  assert.deepEqual(routeOf('/'), { view: 'overview' });
  assert.deepEqual(routeOf('/jobs/'), { view: 'jobs' });
  assert.deepEqual(routeOf('/jobs/7'), { view: 'job', id: '7' });
  assert.deepEqual(routeOf('/jobs/7/steps/find%20contact'), { view: 'step', id: '7', step: 'find contact' });
  assert.deepEqual(routeOf('/deliveries/7'), { view: 'delivery', id: '7' });
  assert.deepEqual(routeOf('/welcome'), { view: 'welcome' });
  assert.deepEqual(routeOf('/workflows/trading-sweep'), { view: 'workflow', jobType: 'trading-sweep' });
  for (const path of ['/nonsense', '/jobs/7/steps', '/audit/7', '/jobs/7/steps/a/b', '/users/7']) {
    assert.deepEqual(routeOf(path), { view: 'unknown' });
  }
  assert.deepEqual(routeOf('/jobs/%zz'), { view: 'job', id: '%zz' });
});

test('a change of the query keeps what it does not name', () => {
  const query = changedQuery(new URLSearchParams('tenant=t&status=FAILED&q=x'), { status: null, q: '', range: '7d' });
  assert.equal(query.toString(), 'tenant=t&range=7d');
});
