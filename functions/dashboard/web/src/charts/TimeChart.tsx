// One value over time with its threshold drawn in. The only file that knows uPlot; it is loaded when first needed.
import 'uplot/dist/uPlot.min.css';
import { useEffect, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Point } from '../api-types.ts';
import { localShort } from '../time.ts';
import { useWidth } from './size.ts';

interface Props {
  label: string;
  points: readonly Point[];
  threshold: number | null;
  isAlarming: boolean;
  format: (value: number) => string;
}

export const TIME_CHART_HEIGHT = 132;

export function TimeChart({ label, points, threshold, isAlarming, format }: Props) {
  const { element, width } = useWidth<HTMLDivElement>();
  const theme = useTheme();
  useEffect(() => {
    if (!element.current || width === 0) return undefined;
    const times = points.map((point) => Date.parse(point.at) / 1_000);
    const values = points.map((point) => point.value);
    const data: uPlot.AlignedData = [times, values, times.map(() => threshold)];
    const chart = new uPlot(optionsOf(width, threshold, isAlarming, format), data, element.current);
    return () => chart.destroy();
  }, [width, points, threshold, isAlarming, theme]);
  return <div ref={element} class="chart" role="img" aria-label={label} style={{ height: `${TIME_CHART_HEIGHT}px` }} />;
}

function optionsOf(
  width: number,
  threshold: number | null,
  isAlarming: boolean,
  format: (value: number) => string,
): uPlot.Options {
  const colours = getComputedStyle(document.documentElement);
  const colour = (name: string) => colours.getPropertyValue(name).trim();
  const line = colour(isAlarming ? '--failed' : '--accent');
  const font = `11px ${colour('--font')}`;
  const axis = { stroke: colour('--muted'), font, ticks: { show: false } };
  const marks = (most: number) => (threshold === null ? [0, most / 1.15] : axisMarks(threshold, most));
  return {
    width,
    height: TIME_CHART_HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 8, 0, 0],
    scales: {
      // The threshold is always in sight, and a flat line is not drawn as a mountain range.
      y: { range: (_, __, most) => [0, Math.max(most ?? 0, threshold ?? 0, 1) * 1.15] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        space: 90,
        values: (_, splits) => splits.map((at) => localShort(at * 1_000, 0)),
      },
      {
        ...axis,
        grid: { stroke: colour('--line'), width: 1 },
        size: 62,
        splits: (_, __, ___, most) => marks(most),
        values: (_, splits) => splits.map(format),
      },
    ],
    series: [
      {},
      { stroke: line, width: 1.75, fill: `color-mix(in srgb, ${line} 10%, transparent)`, spanGaps: false },
      { stroke: colour('--failed'), width: 1, dash: [5, 4], points: { show: false } },
    ],
  };
}

/** Nothing, the threshold, and the top where it is far enough from both. */
function axisMarks(threshold: number, most: number): number[] {
  const top = most / 1.15;
  const marks = threshold > most * 0.15 ? [0, threshold] : [0];
  return top > threshold + most * 0.2 ? [...marks, top] : marks;
}

/** Changes with the system's theme, as a canvas does not follow the style by itself. */
function useTheme(): boolean {
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const take = () => setDark(query.matches);
    query.addEventListener('change', take);
    return () => query.removeEventListener('change', take);
  }, []);
  return isDark;
}
