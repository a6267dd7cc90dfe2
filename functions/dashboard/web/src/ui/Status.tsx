// A status is an icon, a colour and a word; what it means is one hover or focus away.
import type { EventJob, JobSummary } from '../api-types.ts';
import { statusOf, STATUS_WORDS, type ShownStatus } from '../jobs/jobs.ts';
import { Icon } from './Icon.tsx';

export function Status({ status }: { status: ShownStatus }) {
  const { word, meaning } = STATUS_WORDS[status];
  return (
    <span class={`status is-${status.toLowerCase()}`} data-tip={meaning}>
      <Icon name={status} />
      {word}
    </span>
  );
}

export function JobStatusMark({ job }: { job: Pick<JobSummary, 'status' | 'waiting_reason'> }) {
  return <Status status={statusOf(job)} />;
}

export function EventJobStatus({ job }: { job: EventJob }) {
  return <Status status={job.status} />;
}

/** A word with a tone, for what is no job: a delivery's outcome, an effect's state. */
export function Mark({ tone, word, tip }: { tone: Tone; word: string; tip?: string }) {
  return (
    <span class={`status is-${tone}`} data-tip={tip}>
      <Icon name={TONE_ICONS[tone]} />
      {word}
    </span>
  );
}

export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'quiet';

const TONE_ICONS = {
  good: 'COMPLETED',
  bad: 'FAILED',
  warn: 'WAITING',
  busy: 'RUNNING',
  quiet: 'NOTHING_TO_DO',
} as const;
