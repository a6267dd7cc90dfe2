// How is the service doing, beside the thresholds of its alarms?
import { useEffect } from 'preact/hooks';
import type { Metric } from '../api-types.ts';
import { fetchHealth, fetchServiceMetrics } from '../api.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { Card, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Later } from '../ui/Later.tsx';
import { Mark } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { metricText, sentence, thresholdText } from './metrics.ts';

const EACH_MS = 30_000;

export function ServicePage() {
  const { tenant } = useViewer();
  const metrics = useView(`service|${tenant ?? ''}`, (signal) => fetchServiceMetrics(tenant, signal));
  const health = useView('health', fetchHealth);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return;
      metrics.reload();
      health.reload();
    }, EACH_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <Page title="Service">
      <Show view={metrics.view} reload={metrics.reload} skeleton={<Skeleton rows={3} height={232} />}>
        {(data) => (
          <>
            <p class="lead">
              The last hour, minute by minute. Measured <RelativeTime at={data.at} isStop />.
            </p>
            <ul class="tiles is-wide" aria-label="Metrics">
              {data.metrics.map((metric) => (
                <MetricTile key={metric.name} metric={metric} />
              ))}
            </ul>
          </>
        )}
      </Show>
      <Card title="Dependencies">
        <Show view={health.view} reload={health.reload} skeleton={<Skeleton rows={4} />}>
          {({ dependencies }) => (
            <ul class="entries">
              {dependencies.map((dependency) => (
                <li key={dependency.name} class="entry-head">
                  <Mark
                    tone={dependency.is_healthy ? 'good' : 'bad'}
                    word={dependency.is_healthy ? 'Answers' : 'Does not answer'}
                  />
                  <span class="entry-title">{dependency.name}</span>
                  {dependency.detail !== null && (
                    <span class="muted small">
                      <Line text={dependency.detail} />
                    </span>
                  )}
                </li>
              ))}
            </ul>
          )}
        </Show>
      </Card>
    </Page>
  );
}

function MetricTile({ metric }: { metric: Metric }) {
  return (
    <li class="card tile metric">
      <div class="tile-head">
        <h2>{metric.label}</h2>
        <Alarm metric={metric} />
      </div>
      <p class={`figure-value ${metric.is_alarming ? 'is-bad' : ''}`}>{metricText(metric.value, metric.unit)}</p>
      <div class="metric-chart">
        {metric.points.length === 0 ? (
          <p class="muted small">No history is kept of this one.</p>
        ) : (
          <Later
            load={timeChart}
            props={{
              label: sentence(metric),
              points: metric.points,
              threshold: metric.threshold,
              isAlarming: metric.is_alarming,
              format: (value: number) => metricText(value, metric.unit),
            }}
          />
        )}
      </div>
      <p class="muted small">{thresholdText(metric)}</p>
    </li>
  );
}

function Alarm({ metric }: { metric: Metric }) {
  if (metric.is_alarming) return <Mark tone="bad" word="Alarm" />;
  return metric.threshold === null ? null : <Mark tone="good" word="Within bounds" />;
}

const timeChart = () => import('../charts/TimeChart.tsx').then((file) => file.TimeChart);
