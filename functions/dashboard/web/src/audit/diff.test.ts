import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf } from './diff.ts';

test('only what differs is a change, each by its own path', () => {
  const before = { role: 'VIEWER', email: 'a@example.com', settings: { list: ['x', 'y'] } };
  const after = { role: 'ADMIN', email: 'a@example.com', settings: { list: ['x'], on: true } };
  assert.deepEqual(changesOf(before, after), [
    { path: 'role', before: 'VIEWER', after: 'ADMIN' },
    { path: 'settings.list[1]', before: 'y', after: null },
    { path: 'settings.on', before: null, after: 'true' },
  ]);
});

test('what was not there before is all new, and a list that ends empty is none', () => {
  assert.deepEqual(changesOf(null, { name: 'Till' }), [{ path: 'name', before: null, after: 'Till' }]);
  assert.deepEqual(changesOf({ list: [1] }, { list: [] }), [
    { path: 'list[0]', before: '1', after: null },
    { path: 'list', before: null, after: 'none' },
  ]);
  assert.deepEqual(changesOf('on', 'off'), [{ path: '', before: 'on', after: 'off' }]);
  assert.deepEqual(changesOf(null, null), []);
});
