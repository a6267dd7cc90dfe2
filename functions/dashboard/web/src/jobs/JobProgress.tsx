// A job that somebody has just started, live, in a view that is about something else.
import type { JobDetail } from '../api-types.ts';
import { Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { Status } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { EffectList } from './Effects.tsx';
import { useJob } from './JobPage.tsx';
import { isEnded, nameOf, statusOf, summaryOf } from './jobs.ts';
import { StateNote } from './StateNote.tsx';
import { Waterfall } from './Waterfall.tsx';

export function JobProgress({ id }: { id: string }) {
  const { view, reload } = useJob(id);
  return (
    <Show view={view} reload={reload} skeleton={<Skeleton rows={1} height={220} />}>
      {(job) => (
        <section class="progress" aria-label="The job">
          <p class="entry-head">
            <Status status={statusOf(job, job.result)} />
            <span class="entry-title">
              <Link href={`/jobs/${job.job_id}`}>
                <Line text={nameOf(job)} most={80} />
              </Link>
            </span>
          </p>
          <Waterfall job={job} mostTicks={3} />
          <h3>{effectsTitle(job)}</h3>
          <EffectList effects={job.effects} />
          <div role="status">
            <Ending job={job} />
          </div>
        </section>
      )}
    </Show>
  );
}

/** Its last word: the workflow's own sentence, or why there is none. */
function Ending({ job }: { job: JobDetail }) {
  const summary = summaryOf(job.result);
  if (job.status !== 'COMPLETED' || summary === null) return <StateNote job={job} />;
  const status = statusOf(job, job.result);
  return (
    <p class={`note ${status === 'COMPLETED' && !job.is_dry_run ? 'is-good' : ''}`}>
      <Icon name={status} />
      <span>
        Done: <Line text={summary} most={400} />
      </span>
    </p>
  );
}

function effectsTitle(job: JobDetail): string {
  if (!isEnded(job.status)) return 'What it writes';
  return job.is_dry_run ? 'What it would write' : 'What it has written';
}
