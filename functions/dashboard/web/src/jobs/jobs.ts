// What the pages say about a job. Pure.
import type { JobChange, JobPage, JobStatus, JobSummary, WaitingReason } from '../api-types.ts';

/** A job's status as a person means it: one that waits is neither in line nor running. */
export type ShownStatus = JobStatus | 'WAITING' | 'NOTHING_TO_DO';

export const SHOWN_STATUSES: readonly ShownStatus[] = [
  'QUEUED',
  'WAITING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
];

export const STATUS_WORDS: Record<ShownStatus, { word: string; meaning: string }> = {
  QUEUED: { word: 'Queued', meaning: 'In line; a worker takes it next.' },
  WAITING: { word: 'Waiting', meaning: 'Waits for something outside, and says for what and until when.' },
  RUNNING: { word: 'Running', meaning: 'A worker is on it.' },
  COMPLETED: { word: 'Completed', meaning: 'All steps are done.' },
  FAILED: { word: 'Failed', meaning: 'It stopped at an error; the steps before it stay done.' },
  CANCELLED: { word: 'Cancelled', meaning: 'Somebody ended it before its next step.' },
  NOTHING_TO_DO: { word: 'Nothing to do', meaning: 'It ended well, since nothing followed from the event.' },
};

export const WAITING_WORDS: Record<WaitingReason, string> = {
  backoff: 'before the next attempt',
  'rate budget': "for the provider's rate limit",
  poll: 'until it asks again',
  callback: 'for a callback',
  reauthorisation: 'for a new authorisation',
  'other job': 'for another job with the same write',
  'fair share': "for its tenant's turn",
};

export function isEnded(status: JobStatus): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';
}

export function statusOf(job: Pick<JobSummary, 'status' | 'waiting_reason'>, result?: unknown): ShownStatus {
  if (!isEnded(job.status) && job.waiting_reason !== null) return 'WAITING';
  if (job.status === 'COMPLETED' && outcomeOf(result) === 'nothing to do') return 'NOTHING_TO_DO';
  return job.status;
}

/** The sentence that a workflow ended with, for its owner. */
export function summaryOf(result: unknown): string | null {
  return textField(result, 'summary');
}

/** What a job is called: what it is about, else the end of its id. */
export function nameOf(job: { about: string | null; job_id: string }): string {
  return job.about ?? `Job ${job.job_id.slice(-8)}`;
}

/** How long it ran, or has been running at `now`; null before it began. */
export function runMs(job: Pick<JobSummary, 'duration_ms' | 'started_at' | 'status'>, now: number): number | null {
  if (job.duration_ms !== null) return job.duration_ms;
  if (job.started_at === null || isEnded(job.status)) return null;
  return Math.max(now - Date.parse(job.started_at), 0);
}

export type Action = 'retry' | 'cancel';

/** Why the job is in no state for it, or null when it is. */
export function whyStateForbids(action: Action, status: JobStatus, requested: string | null): string | null {
  if (action === 'retry') {
    if (requested === 'RETRY') return 'Somebody has asked for it already.';
    return status === 'FAILED' || status === 'CANCELLED' ? null : 'Only a failed or cancelled job can be retried.';
  }
  if (requested === 'CANCEL') return 'Somebody has asked for it already.';
  return isEnded(status) ? 'The job has ended.' : null;
}

/** Brings the rows up to date with one job; a job that is not among them is left to the pill that counts new ones. */
export function patchRows(rows: JobSummary[], job: JobChange): { rows: JobSummary[]; isKnown: boolean } {
  const at = rows.findIndex((row) => row.job_id === job.job_id);
  const before = rows[at];
  if (!before) return { rows, isKnown: false };
  return { rows: rows.with(at, merged(before, job)), isKnown: true };
}

/** A page more, without the rows that moved onto it while it was fetched. */
export function appendRows(rows: JobSummary[], more: JobSummary[]): JobSummary[] {
  const known = new Set(rows.map((row) => row.job_id));
  return [...rows, ...more.filter((row) => !known.has(row.job_id))];
}

/** The first page as it is now, and what was shown below it: so that going back, or looking again, loses no place. */
export function renewPage(shown: JobPage, first: JobPage): JobPage {
  const last = first.jobs.at(-1);
  if (!last || first.next_cursor === null) return first;
  const below = shown.jobs.filter((job) => Date.parse(job.created_at) < Date.parse(last.created_at));
  if (below.length === 0) return first;
  return { ...first, jobs: appendRows(first.jobs, below), next_cursor: shown.next_cursor };
}

/** What the news leave out is as it was. */
function merged(before: JobSummary, news: JobChange): JobSummary {
  return { ...before, ...news, about: news.about ?? before.about, provider: news.provider ?? before.provider };
}

export interface Column {
  key: string;
  label: string;
}

export const COLUMNS: readonly Column[] = [
  { key: 'status', label: 'Status' },
  { key: 'about', label: 'About' },
  { key: 'workflow', label: 'Workflow' },
  { key: 'note', label: 'Waits for, or error' },
  { key: 'source', label: 'Source' },
  { key: 'queued', label: 'Queued' },
  { key: 'started', label: 'Started' },
  { key: 'duration', label: 'Duration' },
  { key: 'id', label: 'Job id' },
];

const SHOWN_AT_FIRST = ['status', 'about', 'workflow', 'note', 'source', 'queued', 'duration'];

/** The columns of the URL, in our order; the first ones where it names none that exist. Status and name are always there. */
export function columnsFrom(query: URLSearchParams): string[] {
  const asked = query.get('columns')?.split(',') ?? SHOWN_AT_FIRST;
  return COLUMNS.map(({ key }) => key).filter((key) => isFixed(key) || asked.includes(key));
}

export function isFixed(key: string): boolean {
  return key === 'status' || key === 'about';
}

/** What the URL says for these columns; null for those shown at first. */
export function columnsText(columns: readonly string[]): string | null {
  const text = columns.join(',');
  return text === SHOWN_AT_FIRST.join(',') ? null : text;
}

function outcomeOf(result: unknown): string | null {
  return textField(result, 'outcome');
}

function textField(value: unknown, name: string): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const field = (value as Record<string, unknown>)[name];
  return typeof field === 'string' ? field : null;
}
