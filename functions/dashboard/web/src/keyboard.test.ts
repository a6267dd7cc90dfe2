import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedKeys } from './keyboard.ts';

test('g waits for a second key, but not for long', () => {
  const first = typedKeys('g', null, 0).first;
  assert.equal(typedKeys('j', first, 500).keys, 'g j');
  assert.equal(typedKeys('j', first, 5_000).keys, 'j');
  assert.equal(typedKeys('j', null, 0).keys, 'j');
});
