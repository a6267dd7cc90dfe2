// What do I do about the failures? Failed jobs by what they have in common.
import type { ErrorGroup, Errors } from '../api-types.ts';
import { fetchErrors } from '../api.ts';
import { useNews } from '../live.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { usePlace } from '../router.ts';
import { shortId } from '../text.ts';
import { count, counted, rangeBounds, rangeFrom } from '../time.ts';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Link } from '../ui/Link.tsx';
import { RangePicker, rangeText } from '../ui/RangePicker.tsx';
import { Block } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';

export function ErrorsPage() {
  const { tenant } = useViewer();
  const { query } = usePlace();
  const range = rangeFrom(query, '7d');
  const key = `errors|${tenant ?? ''}|${range.name}|${range.from ?? ''}|${range.to ?? ''}`;
  const { view, reload } = useView(key, (signal) => fetchErrors({ tenant, ...rangeBounds(range, Date.now()) }, signal));
  useNews((news) => {
    if (news.kind === 'refresh' || news.job.status === 'FAILED') reload();
  });
  const ranged = { range: range.name || null, from: range.from, to: range.to };
  return (
    <Page title="Errors" actions={<RangePicker range={range} />}>
      <Show view={view} reload={reload} skeleton={<Skeleton rows={5} height={96} />}>
        {(errors) => (
          <>
            <p class="lead">{scopeText(errors, rangeText(range, Date.now()))}</p>
            {errors.groups.length === 0 ? (
              <Empty title="Nothing failed.">In this time every job ended well or is still going on.</Empty>
            ) : (
              <ul class="error-groups">
                {errors.groups.map((group) => (
                  <GroupEntry key={group.job_type + group.step + group.message} group={group} ranged={ranged} />
                ))}
              </ul>
            )}
          </>
        )}
      </Show>
    </Page>
  );
}

function GroupEntry({ group, ranged }: { group: ErrorGroup; ranged: Record<string, string | null> }) {
  return (
    <li class="card error-group">
      <div class="error-count">
        <strong>{count(group.count)}</strong>
        <span class="muted small">{group.count === 1 ? 'job' : 'jobs'}</span>
      </div>
      <div class="error-text">
        <Block text={group.message} most={400} label="What the jobs have in common" />
        <p class="muted small">
          {group.job_type}
          {group.step !== null && `, step ${group.step}`} · first <RelativeTime at={group.first_seen} isStop /> · last{' '}
          <RelativeTime at={group.last_seen} isStop />
        </p>
        <p class="error-jobs small">
          <span class="muted">Newest:</span>
          {group.job_ids.map((id) => (
            <Link key={id} href={`/jobs/${id}`}>
              <code class="id">{shortId(id)}</code>
            </Link>
          ))}
          <Link href="/jobs" query={{ ...ranged, status: 'FAILED', workflow: group.job_type }}>
            All failed of this workflow
          </Link>
        </p>
      </div>
    </li>
  );
}

function scopeText(errors: Errors, when: string): string {
  if (errors.is_capped) {
    return `Grouped from the newest ${count(errors.jobs)} failed jobs (${when}). There are more; a shorter time shows the others.`;
  }
  return `${counted(errors.jobs, 'failed job')} (${when}).`;
}
