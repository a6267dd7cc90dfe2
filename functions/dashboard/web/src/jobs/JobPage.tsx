// What happened in this job, why does it wait, what can be done about it?
import type { JobDetail } from '../api-types.ts';
import { fetchJob } from '../api.ts';
import { useNews } from '../live.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { ResultFiles } from '../results/ResultFiles.tsx';
import { providerName, shortId } from '../text.ts';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Fact } from '../ui/Fact.tsx';
import { Card, type Crumb, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { JsonTree } from '../ui/JsonTree.tsx';
import { Link } from '../ui/Link.tsx';
import { Mark, Status } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { Duration, RelativeTime, useNow } from '../ui/Time.tsx';
import { Effects } from './Effects.tsx';
import { JobButtons, useJobActions } from './JobActions.tsx';
import { isEnded, nameOf, runMs, statusOf } from './jobs.ts';
import { RelatedRecords } from './RelatedRecords.tsx';
import { StateNote } from './StateNote.tsx';
import { Waterfall } from './Waterfall.tsx';

export function JobPage({ id }: { id: string }) {
  const { job, view, reload } = useJob(id);
  const actions = useJobActions(job, reload);
  const name = job ? nameOf(job) : `Job ${shortId(id)}`;
  return (
    <Page
      title={name}
      crumbs={crumbsOf(job, name)}
      heading={
        <>
          <Line text={name} most={80} />
          {job && <Status status={statusOf(job, job.result)} />}
          {job?.is_dry_run && <Mark tone="quiet" word="Dry run" tip="It was tried only: nothing is written anywhere." />}
        </>
      }
      actions={job && <JobButtons job={job} actions={actions} />}
    >
      <Show view={view} reload={reload} skeleton={<JobSkeleton />}>
        {(shown) => <Job job={shown} />}
      </Show>
      {actions.dialog}
    </Page>
  );
}

/** The job, brought up to date when news of it come. */
export function useJob(id: string) {
  const { tenant } = useViewer();
  const { view, reload } = useView(`job|${tenant ?? ''}|${id}`, (signal) => fetchJob(id, tenant, signal));
  const job = view.state === 'ready' ? view.data : null;
  useNews((news) => {
    if (news.kind === 'job' ? news.job.job_id === id : !job || !isEnded(job.status)) reload();
  });
  return { job, view, reload };
}

function crumbsOf(job: JobDetail | null, name: string): Crumb[] {
  if (!job?.delivery) return [{ label: 'Jobs', href: '/jobs' }, { label: name }];
  const { delivery_id, provider } = job.delivery;
  return [
    { label: 'Deliveries', href: '/deliveries' },
    { label: `${providerName(provider)} ${shortId(delivery_id)}`, href: `/deliveries/${delivery_id}` },
    { label: name },
  ];
}

function Job({ job }: { job: JobDetail }) {
  return (
    <>
      <Facts job={job} />
      <StateNote job={job} />
      <Card title="Steps">
        <Waterfall job={job} />
      </Card>
      <div class="columns">
        <div>
          <Effects effects={job.effects} />
          <RelatedRecords records={job.related_records} />
          {job.result_names.length > 0 && <ResultFiles jobId={job.job_id} names={job.result_names} />}
        </div>
        <div>
          <Origin job={job} />
          <Card title="Parameters">
            <JsonTree value={job.parameters} label="parameters" />
          </Card>
          {job.result !== null && (
            <Card title="Result">
              <JsonTree value={job.result} label="result" />
            </Card>
          )}
        </div>
      </div>
    </>
  );
}

function Facts({ job }: { job: JobDetail }) {
  const now = useNow(!isEnded(job.status));
  return (
    <dl class="fact-line">
      <Fact label="Workflow">
        <Link href="/jobs" query={{ workflow: job.job_type }}>
          {job.job_type}
        </Link>{' '}
        <span class="muted">v{job.workflow_version}</span>
      </Fact>
      <Fact label="Queued">
        <RelativeTime at={job.created_at} isStop />
      </Fact>
      <Fact label="Started">
        <RelativeTime at={job.started_at} isStop />
      </Fact>
      <Fact label="Ended">
        <RelativeTime at={job.completed_at} isStop />
      </Fact>
      <Fact label="Duration">
        <Duration ms={runMs(job, now)} />
      </Fact>
      <Fact label="Job id">
        <code class="id" data-tip={job.job_id}>
          {shortId(job.job_id)}
        </code>
        <CopyButton text={() => job.job_id} label="Copy job id" />
      </Fact>
    </dl>
  );
}

/** Delivery and event, or who triggered it. */
function Origin({ job }: { job: JobDetail }) {
  return (
    <Card title="Where it comes from">
      <dl class="facts">
        {job.delivery && (
          <>
            <dt>Delivery</dt>
            <dd>
              <Link href={`/deliveries/${job.delivery.delivery_id}`}>
                {providerName(job.delivery.provider)} {shortId(job.delivery.delivery_id)}
              </Link>
              , <RelativeTime at={job.delivery.received_at} isStop />
            </dd>
          </>
        )}
        {job.event && (
          <>
            <dt>Event</dt>
            <dd>
              <Link href={`/deliveries/${job.event.delivery_id}#event-${job.event.event_id}`}>
                <Line text={`${job.event.category} ${job.event.action}`} most={80} />
              </Link>
            </dd>
            <dt>Account</dt>
            <dd>
              <Line text={job.event.account_id} most={80} />
            </dd>
            <dt>Record</dt>
            <dd>
              <Line text={job.event.resource_id} most={80} />
            </dd>
          </>
        )}
        {job.event && !job.delivery && (
          <>
            <dt>Delivery</dt>
            <dd class="muted">Archived: its bytes are kept in the archive, not here.</dd>
          </>
        )}
        {job.triggered_by !== null && (
          <>
            <dt>Triggered by</dt>
            <dd>
              <Line text={job.triggered_by} most={80} />
            </dd>
          </>
        )}
      </dl>
    </Card>
  );
}

function JobSkeleton() {
  return (
    <>
      <Skeleton rows={1} height={52} />
      <Skeleton rows={1} height={300} />
      <Skeleton rows={2} height={140} />
    </>
  );
}
