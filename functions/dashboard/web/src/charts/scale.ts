// Where things go in the charts. Pure.
import type { Bucket, Dot, JobStatus } from '../api-types.ts';

/** From the bottom of a bar to its top: what ended well first, what failed where it is seen. */
export const STACK: readonly JobStatus[] = ['COMPLETED', 'CANCELLED', 'QUEUED', 'RUNNING', 'FAILED'];

export interface Part {
  status: JobStatus;
  count: number;
  /** Shares of the chart's height, from the bottom. */
  from: number;
  to: number;
}

export function totalOf(bucket: Bucket): number {
  return STACK.reduce((sum, status) => sum + bucket[status], 0);
}

/** How many of each status there are in the buckets together. */
export function sumsOf(buckets: readonly Bucket[]): Array<{ status: JobStatus; sum: number }> {
  return STACK.map((status) => ({ status, sum: buckets.reduce((sum, bucket) => sum + bucket[status], 0) }));
}

/** A round number of which `value` is no more: the top of an axis. */
export function roundTop(value: number): number {
  if (value <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 5, 10].find((candidate) => candidate * power >= value) ?? 10;
  return step * power;
}

export function stackOf(bucket: Bucket, top: number): Part[] {
  let from = 0;
  return STACK.flatMap((status) => {
    const count = bucket[status];
    if (count === 0) return [];
    const part = { status, count, from, to: from + count / top };
    from = part.to;
    return part;
  });
}

/** The first and last bucket between two places, in either order, as the range of time that they cover. */
export function brushedRange(
  buckets: readonly Bucket[],
  bucketSeconds: number,
  a: number,
  b: number,
): { from: string; to: string } | null {
  const first = buckets[Math.max(0, Math.min(a, b))];
  const last = buckets[Math.min(buckets.length - 1, Math.max(a, b))];
  if (!first || !last) return null;
  const end = new Date(Date.parse(last.at) + bucketSeconds * 1_000);
  return { from: first.at, to: end.toISOString() };
}

/** Decades around the durations, 10 ms at least: the ends of a logarithmic axis. */
export function durationDecades(dots: readonly Dot[]): { low: number; high: number } {
  const values = dots.map((dot) => Math.max(dot.duration_ms, 1));
  if (values.length === 0) return { low: 2, high: 5 };
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values) + 1));
  return { low, high: Math.max(high, low + 1) };
}

/** The place of a duration between the decades, 0 at the bottom and 1 at the top. */
export function durationShare(ms: number, { low, high }: { low: number; high: number }): number {
  return (Math.log10(Math.max(ms, 1)) - low) / (high - low);
}

export interface Placed {
  dot: Dot;
  x: number;
  y: number;
}

/** The dot nearest to a point, if one is within reach. */
export function nearest(dots: readonly Placed[], x: number, y: number, reach: number): Placed | null {
  let best: Placed | null = null;
  let bestDistance = reach * reach;
  for (const placed of dots) {
    const distance = (placed.x - x) ** 2 + (placed.y - y) ** 2;
    if (distance <= bestDistance) {
      best = placed;
      bestDistance = distance;
    }
  }
  return best;
}
