// What a row of the job list shows.
import type { JobSummary } from '../api-types.ts';
import { providerName, shortId } from '../text.ts';
import { Link } from '../ui/Link.tsx';
import { JobStatusMark } from '../ui/Status.tsx';
import type { TableColumn } from '../ui/Table.tsx';
import { Line } from '../ui/Text.tsx';
import { Duration, DueTime, RelativeTime, useNow } from '../ui/Time.tsx';
import { isEnded, nameOf, runMs, WAITING_WORDS } from './jobs.ts';

const ALL: ReadonlyArray<TableColumn<JobSummary>> = [
  { key: 'status', label: 'Status', width: '112px', narrow: 'end', show: (job) => <JobStatusMark job={job} /> },
  {
    key: 'about',
    label: 'About',
    width: 'minmax(110px, 1.1fr)',
    narrow: 'title',
    show: (job) => (
      <Link href={`/jobs/${job.job_id}`} class="row-link">
        <Line text={nameOf(job)} most={120} />
      </Link>
    ),
  },
  {
    key: 'workflow',
    label: 'Workflow',
    width: 'minmax(120px, 1.3fr)',
    narrow: 'below',
    show: (job) => <Line text={job.job_type} />,
  },
  { key: 'note', label: 'Waits for, or error', width: 'minmax(0, 2fr)', show: (job) => <Note job={job} /> },
  { key: 'source', label: 'Source', width: '92px', show: (job) => <Source job={job} /> },
  {
    key: 'queued',
    label: 'Queued',
    width: '96px',
    narrow: 'below-end',
    isNumber: true,
    show: (job) => <RelativeTime at={job.created_at} />,
  },
  { key: 'started', label: 'Started', width: '96px', isNumber: true, show: (job) => <RelativeTime at={job.started_at} /> },
  { key: 'duration', label: 'Duration', width: '92px', isNumber: true, show: (job) => <RunTime job={job} /> },
  {
    key: 'id',
    label: 'Job id',
    width: '92px',
    show: (job) => (
      <code class="id" data-tip={job.job_id}>
        {shortId(job.job_id)}
      </code>
    ),
  },
];

export function tableColumns(keys: readonly string[]): Array<TableColumn<JobSummary>> {
  return ALL.filter((column) => keys.includes(column.key));
}

function Note({ job }: { job: JobSummary }) {
  if (job.status === 'FAILED' && job.error) {
    return (
      <span class="bad">
        <Line text={job.error} />
      </span>
    );
  }
  if (isEnded(job.status) || job.waiting_reason === null) return job.is_dry_run ? <span class="muted line">Dry run</span> : null;
  return (
    <span class="muted line">
      {WAITING_WORDS[job.waiting_reason]}
      {job.due_at && (
        <>
          , <DueTime key={job.due_at} at={job.due_at} />
        </>
      )}
    </span>
  );
}

function Source({ job }: { job: JobSummary }) {
  if (!job.provider) return <span class="muted" data-tip="Somebody triggered it.">Trigger</span>;
  return <>{providerName(job.provider)}</>;
}

function RunTime({ job }: { job: JobSummary }) {
  const now = useNow(job.status === 'RUNNING');
  return <Duration ms={runMs(job, now)} />;
}
