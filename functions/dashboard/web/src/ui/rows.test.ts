import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsInSight } from './rows.ts';

test('only rows in and around the window are drawn', () => {
  assert.deepEqual(rowsInSight(200, 900, 37, 5_000), { from: 0, to: 31 });
  assert.deepEqual(rowsInSight(-37_000, 900, 37, 5_000), { from: 988, to: 1_037 });
});

test('what is above, below or empty draws nothing that is not there', () => {
  assert.deepEqual(rowsInSight(200, 900, 37, 3), { from: 0, to: 3 });
  assert.deepEqual(rowsInSight(-900_000, 900, 37, 100), { from: 100, to: 100 });
  assert.deepEqual(rowsInSight(200, 900, 37, 0), { from: 0, to: 0 });
});
