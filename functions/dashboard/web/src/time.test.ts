import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, clockTicks, duration, exactUtc, rangeBounds, rangeFrom, relative, ticks } from './time.ts';

const NOW = Date.parse('2026-11-22T13:00:30.000Z');
const SECOND = 1_000;
const HOUR = 3_600_000;

test('a time is told in the unit that matters, both ways', () => {
  const cases: Array<[number, string]> = [
    [0, 'just now'],
    [-42 * SECOND, '42 s ago'],
    [-3 * 60 * SECOND, '3 min ago'],
    [-23 * HOUR, '23 h ago'],
    [-3 * 24 * HOUR, '3 d ago'],
    [2 * HOUR, 'in 2 h'],
  ];
  for (const [distance, expected] of cases) assert.equal(relative(NOW + distance, NOW), expected);
});

test('a duration has two units at most', () => {
  const cases: Array<[number, string]> = [
    [-1, '0 ms'],
    [340, '340 ms'],
    [999.4, '999 ms'],
    [1_250, '1.2 s'],
    [42_900, '42 s'],
    [60_000, '1 min'],
    [185_000, '3 min 5 s'],
    [2 * HOUR + 600_000, '2 h 10 min'],
    [26 * HOUR, '1 d 2 h'],
  ];
  for (const [ms, expected] of cases) assert.equal(duration(ms), expected);
});

test('sizes count in powers of ten', () => {
  assert.deepEqual([812, 4_100, 256_000, 2_345_678].map(bytes), ['812 B', '4.1 kB', '256 kB', '2.3 MB']);
});

test('the exact time is in UTC to the millisecond', () => {
  assert.equal(exactUtc(NOW), '2026-11-22 13:00:30.000 UTC');
});

test('a named range begins on a full minute, so that asking twice asks the same', () => {
  const range = rangeFrom(new URLSearchParams('range=1h'), '24h');
  assert.deepEqual(rangeBounds(range, NOW), { from: '2026-11-22T12:00:00.000Z' });
  assert.deepEqual(rangeBounds(range, NOW + 20 * SECOND), { from: '2026-11-22T12:00:00.000Z' });
});

test('a free range wins over a named one, and nonsense over nothing', () => {
  const free = rangeFrom(new URLSearchParams('range=7d&from=2026-11-01T00:00:00Z'), '24h');
  assert.deepEqual(rangeBounds(free, NOW), { from: '2026-11-01T00:00:00.000Z' });
  assert.equal(rangeFrom(new URLSearchParams('range=for-ever&from=yesterday'), '24h').name, '24h');
  assert.deepEqual(rangeBounds(rangeFrom(new URLSearchParams(), ''), NOW), {});
});

test('ticks are round and few', () => {
  assert.deepEqual(ticks(8_700, 6), [0, 2_000, 4_000, 6_000, 8_000]);
  assert.ok(ticks(400 * 24 * HOUR, 6).length <= 7);
});

test('ticks of a clock are full hours', () => {
  const marks = clockTicks(NOW - 24 * HOUR, NOW, 12);
  assert.ok(marks.length >= 8 && marks.length <= 13);
  assert.ok(marks.every((at) => at % HOUR === 0 || new Date(at).getTimezoneOffset() % 60 !== 0));
});
