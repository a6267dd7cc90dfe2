// Is everything working? The numbers of now, what needs somebody, and the shape of the last hours.
import type { ComponentChildren } from 'preact';
import type { ErrorGroup, Numbers, Overview, SyncStatus } from '../api-types.ts';
import { fetchErrors, fetchJobs, fetchOverview, fetchSyncStatus } from '../api.ts';
import { DurationScatter } from '../charts/DurationScatter.tsx';
import { StatusTimeline } from '../charts/StatusTimeline.tsx';
import { useReloadOnNews } from '../live.ts';
import { loadAhead, useView, type View } from '../load.ts';
import { useViewer, whyNotAdmin } from '../me.ts';
import { setQuery, usePlace } from '../router.ts';
import { age, count, counted, duration, rangeBounds, rangeFrom, type TimeRange } from '../time.ts';
import { Card, Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { RangePicker } from '../ui/RangePicker.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime, useNow } from '../ui/Time.tsx';
import { WAITING_WORDS } from '../jobs/jobs.ts';
import { mattersOf } from './attention.ts';

export function OverviewPage() {
  const { tenant } = useViewer();
  const { query } = usePlace();
  const range = rangeFrom(query, '24h');
  const asks = questions(tenant, range);
  const overview = useView(asks.overview.key, asks.overview.load);
  const errors = useView(asks.errors.key, asks.errors.load);
  const sync = useView(asks.sync.key, asks.sync.load);
  useReloadOnNews(() => {
    overview.reload();
    errors.reload();
  });
  const select = (from: string, to: string) => setQuery({ from, to, range: null });
  const syncData = sync.view.state === 'ready' ? sync.view.data : null;

  return (
    <Page title="Overview" actions={<RangePicker range={range} />}>
      <Show view={overview.view} reload={overview.reload} skeleton={<OverviewSkeleton />}>
        {(data) => (
          <>
            <NumberStrip numbers={data.numbers} />
            <div class="columns is-lead">
              <Attention numbers={data.numbers} sync={syncData} isKnown={sync.view.state !== 'loading'} />
              <Timeline data={data} query={query} onSelect={select} />
            </div>
            <div class="columns">
              <Durations data={data} />
              <Failures view={errors.view} reload={errors.reload} query={query} />
            </div>
          </>
        )}
      </Show>
    </Page>
  );
}

/** Asks what the page is going to show, before it is known who looks. */
export function loadOverviewAhead(tenant: string | null, query: URLSearchParams): void {
  const asks = questions(tenant, rangeFrom(query, '24h'));
  loadAhead(asks.overview.key, asks.overview.load);
  loadAhead(asks.errors.key, asks.errors.load);
  loadAhead(asks.sync.key, asks.sync.load);
}

function questions(tenant: string | null, range: TimeRange) {
  const key = `${tenant ?? ''}|${range.name}|${range.from ?? ''}|${range.to ?? ''}`;
  const parameters = () => ({ tenant, ...rangeBounds(range, Date.now()) });
  return {
    overview: { key: `overview|${key}`, load: (signal: AbortSignal) => fetchOverview(parameters(), signal) },
    errors: { key: `errors|${key}`, load: (signal: AbortSignal) => fetchErrors(parameters(), signal) },
    sync: { key: `sync|${tenant ?? ''}`, load: (signal: AbortSignal) => fetchSyncStatus(tenant, signal) },
  };
}

interface AttentionProps {
  numbers: Numbers;
  sync: SyncStatus | null;
  isKnown: boolean;
}

/** Its height does not depend on how much there is to say, so that nothing below it moves. */
function Attention({ numbers, sync, isKnown }: AttentionProps) {
  const now = useNow(false);
  const matters = isKnown ? mattersOf(numbers, sync, now) : [];
  return (
    <Card title="Needs attention" class="attention" aside={matters.length > 0 ? count(matters.length) : undefined}>
      {!isKnown && <Skeleton rows={2} height={36} />}
      {isKnown && matters.length === 0 && <NothingWrong numbers={numbers} />}
      {matters.length > 0 && (
        <ul tabIndex={0} aria-label="What needs attention">
          {matters.map((matter) => (
            <li key={matter.key}>
              <Link class={`matter is-${matter.tone}`} href={matter.path} query={matter.query}>
                <Icon name="warning" />
                <Line text={matter.text} />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** Where nothing has completed today, perhaps nothing ever has. */
function NothingWrong({ numbers }: { numbers: Numbers }) {
  return numbers.completed_today > 0 ? <AllWell numbers={numbers} /> : <QuietDay numbers={numbers} />;
}

function QuietDay({ numbers }: { numbers: Numbers }) {
  const { tenant } = useViewer();
  const { view } = useView(`completed|${tenant ?? ''}`, (signal) =>
    fetchJobs({ tenant, status: 'COMPLETED', limit: '1' }, signal),
  );
  if (view.state === 'loading') return <Skeleton rows={2} height={36} />;
  const isNew = view.state === 'ready' && view.data.jobs.length === 0;
  return isNew ? <Welcome /> : <AllWell numbers={numbers} />;
}

function Welcome() {
  const whyNot = whyNotAdmin(useViewer());
  return (
    <div class="all-well">
      <strong>No job has completed here yet.</strong>
      <span class="muted">{whyNot === null ? 'Connect two systems and send a test event: four steps.' : whyNot}</span>
      {whyNot === null && (
        <Link class="button is-main" href="/welcome">
          Begin the first run
        </Link>
      )}
    </div>
  );
}

function AllWell({ numbers }: { numbers: Numbers }) {
  const live = numbers.running + numbers.queued + numbers.waiting;
  return (
    <p class="all-well">
      <Icon name="COMPLETED" />
      <strong>Everything is working.</strong>
      <span class="muted">{live === 0 ? 'Nothing is going on just now.' : `${counted(live, 'job')} going on.`}</span>
    </p>
  );
}

function NumberStrip({ numbers }: { numbers: Numbers }) {
  const { oldest_waiting: oldest } = numbers;
  const now = useNow(oldest !== null);
  return (
    <ul class="numbers" aria-label="Numbers of now">
      <Figure label="Queued" value={count(numbers.queued)} query={{ status: 'QUEUED' }} />
      <Figure label="Waiting" value={count(numbers.waiting)} query={{ status: 'WAITING' }} />
      <Figure label="Running" value={count(numbers.running)} query={{ status: 'RUNNING' }} />
      <Figure
        label="Completed today"
        value={count(numbers.completed_today)}
        query={{ status: 'COMPLETED', range: '24h' }}
      />
      <Figure
        label="Failed today"
        value={count(numbers.failed_today)}
        query={{ status: 'FAILED', range: '24h' }}
        isBad={numbers.failed_today > 0}
      />
      <Figure
        label="95 % ran within"
        value={numbers.p95_duration_ms === null ? '—' : duration(numbers.p95_duration_ms)}
        tip="Of the jobs that ended today, 95 of 100 took no longer than this."
      />
      <Figure
        label="Oldest waiting"
        value={oldest ? age(now - Date.parse(oldest.since)) : 'none'}
        {...(oldest && { path: `/jobs/${oldest.job_id}` })}
        {...(oldest?.reason && { tip: `Waits ${WAITING_WORDS[oldest.reason]}.` })}
      />
    </ul>
  );
}

interface FigureProps {
  label: string;
  value: ComponentChildren;
  path?: string;
  query?: Record<string, string>;
  tip?: string;
  isBad?: boolean;
}

function Figure({ label, value, path, query, tip, isBad }: FigureProps) {
  const content = (
    <>
      <span class="figure-label">{label}</span>
      <span class={`figure-value ${isBad ? 'is-bad' : ''}`}>{value}</span>
    </>
  );
  if (!path && !query) {
    return (
      <li class="figure" data-tip={tip}>
        {content}
      </li>
    );
  }
  return (
    <li>
      <Link class="figure" href={path ?? '/jobs'} {...(query && { query })} {...(tip && { 'data-tip': tip })}>
        {content}
      </Link>
    </li>
  );
}

interface TimelineProps {
  data: Overview;
  query: URLSearchParams;
  onSelect: (from: string, to: string) => void;
}

function Timeline({ data, query, onSelect }: TimelineProps) {
  return (
    <Card
      title="Jobs over time"
      aside={
        <Link href="/jobs" query={rangeOnly(query)}>
          Show these jobs
        </Link>
      }
    >
      <StatusTimeline buckets={data.buckets} bucketSeconds={data.bucket_seconds} onSelect={onSelect} />
    </Card>
  );
}

function Durations({ data }: { data: Overview }) {
  return (
    <Card
      title="Durations"
      aside={data.is_capped ? `the newest ${count(data.dots_cap)} jobs` : counted(data.dots.length, 'job')}
    >
      <DurationScatter dots={data.dots} from={data.from} to={data.to} />
    </Card>
  );
}

interface FailuresProps {
  view: View<{ groups: ErrorGroup[] }>;
  reload: () => void;
  query: URLSearchParams;
}

const MOST_GROUPS = 5;

function Failures({ view, reload, query }: FailuresProps) {
  return (
    <Card
      title="What failed"
      aside={
        <Link href="/errors" query={rangeOnly(query)}>
          All errors
        </Link>
      }
    >
      <Show view={view} reload={reload} skeleton={<Skeleton rows={5} height={44} />}>
        {({ groups }) =>
          groups.length === 0 ? (
            <Empty title="Nothing failed in this time." />
          ) : (
            <ul class="failures">
              {groups.slice(0, MOST_GROUPS).map((group) => (
                <li key={group.job_type + group.message}>
                  <Link href={`/jobs/${group.job_ids[0] ?? ''}`}>
                    <Line text={group.message} />
                  </Link>
                  <span class="muted small">
                    {counted(group.count, 'job')}, {group.job_type}, last <RelativeTime at={group.last_seen} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Show>
    </Card>
  );
}

function OverviewSkeleton() {
  return (
    <>
      <Skeleton rows={1} height={74} />
      <Skeleton rows={1} height={262} />
      <Skeleton rows={1} height={310} />
    </>
  );
}

function rangeOnly(query: URLSearchParams): Record<string, string | null> {
  const range = rangeFrom(query, '24h');
  return { range: range.name || null, from: range.from, to: range.to };
}
