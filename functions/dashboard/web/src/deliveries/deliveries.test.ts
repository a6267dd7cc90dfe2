import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf } from './deliveries.ts';

test('a body is shown as what it is', () => {
  const whole = { body_encoding: 'text', is_truncated: false } as const;
  assert.deepEqual(bodyOf({ ...whole, body: '{"a":1}' }), { kind: 'json', value: { a: 1 } });
  assert.deepEqual(bodyOf({ ...whole, body: 'plain' }), { kind: 'text', text: 'plain' });
  assert.deepEqual(bodyOf({ ...whole, body: '' }), { kind: 'none' });
  assert.deepEqual(bodyOf({ ...whole, body: '1', is_truncated: true }), { kind: 'text', text: '1' });
  assert.deepEqual(bodyOf({ ...whole, body: 'MQ==', body_encoding: 'base64' }), { kind: 'text', text: 'MQ==' });
});
