// The one thing to know about the state that a job is in.
import type { JobDetail } from '../api-types.ts';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { Block, Line } from '../ui/Text.tsx';
import { DueTime, RelativeTime } from '../ui/Time.tsx';
import { isEnded, statusOf, summaryOf, WAITING_WORDS } from './jobs.ts';

export function StateNote({ job }: { job: JobDetail }) {
  const summary = summaryOf(job.result);
  return (
    <>
      {job.request && (
        <p class="note" role="status">
          <Icon name="WAITING" />
          <span>
            {job.request.kind === 'WAKE' ? 'Somebody wants it to go on' : `${sentenceCase(job.request.kind)} was asked for`}
            {job.request.by && (
              <>
                {' '}
                by <Line text={job.request.by} most={80} />
              </>
            )}{' '}
            <RelativeTime at={job.request.at} isStop />. The worker does it next.
          </span>
        </p>
      )}
      {job.error_message !== null && (
        <section class="note is-problem" aria-label="Error">
          <Icon name="warning" />
          <Block text={job.error_message} most={600} label="Text of the error" />
          <CopyButton text={() => job.error_message ?? ''} label="Copy error" />
        </section>
      )}
      {!isEnded(job.status) && job.waiting_reason !== null && (
        <p class="note is-waiting">
          <Icon name="WAITING" />
          <span>
            Waits {WAITING_WORDS[job.waiting_reason]}
            {job.due_at && (
              <>
                , <DueTime key={job.due_at} at={job.due_at} />
              </>
            )}
            .{' '}
            {job.waiting_reason === 'reauthorisation' && <Link href="/connections">See the connections</Link>}
          </span>
        </p>
      )}
      {summary !== null && (
        <p class={`note ${statusOf(job, job.result) === 'COMPLETED' && !job.is_dry_run ? 'is-good' : ''}`}>
          <Icon name={statusOf(job, job.result)} />
          <Line text={summary} most={400} />
        </p>
      )}
    </>
  );
}

function sentenceCase(word: string): string {
  return word.charAt(0) + word.slice(1).toLowerCase();
}
