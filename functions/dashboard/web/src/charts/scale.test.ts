import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, Dot } from '../api-types.ts';
import { brushedRange, durationDecades, durationShare, nearest, roundTop, stackOf, totalOf } from './scale.ts';

function bucket(minute: number, more: Partial<Bucket> = {}): Bucket {
  const at = new Date(Date.UTC(2026, 10, 22, 13, minute)).toISOString();
  return { at, QUEUED: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0, CANCELLED: 0, ...more };
}

function dot(duration_ms: number): Dot {
  return { job_id: String(duration_ms), at: bucket(0).at, duration_ms, status: 'COMPLETED', job_type: 'x', about: null };
}

test('an axis ends at a round number', () => {
  assert.deepEqual([0, 4, 5, 33, 41, 100, 101, 999].map(roundTop), [4, 4, 5, 40, 50, 100, 200, 1_000]);
});

test('a stack leaves nothing out and nothing between', () => {
  const full = bucket(0, { COMPLETED: 6, FAILED: 2, RUNNING: 2 });
  const parts = stackOf(full, 10);
  assert.deepEqual(parts.map(({ status }) => status), ['COMPLETED', 'RUNNING', 'FAILED']);
  assert.deepEqual(parts.map(({ from, to }) => [from, to]), [[0, 0.6], [0.6, 0.8], [0.8, 1]]);
  assert.equal(totalOf(full), 10);
});

test('a brush takes whole buckets, whichever way it was drawn', () => {
  const buckets = [bucket(0), bucket(5), bucket(10)];
  const expected = { from: bucket(5).at, to: bucket(15).at };
  assert.deepEqual(brushedRange(buckets, 300, 1, 2), expected);
  assert.deepEqual(brushedRange(buckets, 300, 2, 1), expected);
  assert.deepEqual(brushedRange(buckets, 300, 1, 99), expected);
  assert.equal(brushedRange([], 300, 0, 0), null);
});

test('durations are placed by their decade', () => {
  const decades = durationDecades([dot(120), dot(9_000)]);
  assert.deepEqual(decades, { low: 2, high: 4 });
  assert.equal(durationShare(1_000, decades), 0.5);
  assert.equal(durationShare(0, { low: 0, high: 3 }), 0);
});

test('a dot is found where one points, and none beyond reach', () => {
  const dots = [{ dot: dot(1), x: 10, y: 10 }, { dot: dot(2), x: 20, y: 10 }];
  assert.equal(nearest(dots, 17, 11, 24)?.dot.job_id, '2');
  assert.equal(nearest(dots, 100, 100, 24), null);
});
