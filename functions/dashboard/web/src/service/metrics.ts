// How a metric's values are written. Pure.
import type { Metric } from '../api-types.ts';
import { count, duration } from '../time.ts';

export function metricText(value: number | null, unit: Metric['unit']): string {
  if (value === null) return '—';
  switch (unit) {
    case 'per_minute':
      return `${rounded(value)}/min`;
    case 'ms':
      return duration(value);
    case 'percent':
      return `${rounded(value)} %`;
    case 'seconds':
      return duration(value * 1_000);
    case 'count':
      return count(value);
  }
}

/** The line below a chart: what it is measured against. */
export function thresholdText(metric: Metric): string {
  if (metric.threshold === null) return 'No alarm on this one.';
  const side = metric.name === 'throughput' ? 'below' : 'above';
  return `Alarm ${side} ${metricText(metric.threshold, metric.unit)}.`;
}

export function sentence(metric: Metric): string {
  const state = metric.is_alarming ? 'alarming' : 'within bounds';
  return `${metric.label}: ${metricText(metric.value, metric.unit)} now, ${state}. ${thresholdText(metric)}`;
}

function rounded(value: number): string {
  return value >= 100 ? count(Math.round(value)) : String(Math.round(value * 10) / 10);
}
