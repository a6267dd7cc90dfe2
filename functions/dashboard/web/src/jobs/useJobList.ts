// The rows of the job list: pages that are added, news that patch rows in place, and a count of what is new above them.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobChange, JobPage } from '../api-types.ts';
import { fetchJobs } from '../api.ts';
import { useNews } from '../live.ts';
import { useViewer } from '../me.ts';
import { type Pages, usePages } from '../pages.ts';
import { appendRows, patchRows, renewPage, statusOf } from './jobs.ts';
import { couldMatch, type Filters, parametersOf } from './search.ts';

export interface JobList extends Pages<JobPage> {
  /** New jobs that are not shown yet; `reload` shows them. */
  newCount: number;
}

const PAGE_ROWS = '100';

export function useJobList(filters: Filters): JobList {
  const { tenant } = useViewer();
  const key = `jobs|${tenant ?? ''}|${JSON.stringify(filters)}`;
  const load = (cursor: string | null, signal?: AbortSignal) =>
    fetchJobs({ ...parametersOf(filters, Date.now()), limit: PAGE_ROWS, cursor, tenant }, signal);
  const pages = usePages<JobPage>(
    key,
    load,
    (shown, next) => ({ ...next, jobs: appendRows(shown.jobs, next.jobs) }),
    renewPage,
  );
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const asked = useRef(key);
  asked.current = key;
  const page = pages.view.state === 'ready' ? pages.view.data : null;
  useEffect(() => setFresh(new Set()), [key]);

  const take = (job: JobChange) => {
    if (!page) return;
    if (patchRows(page.jobs, job).isKnown) {
      return pages.replace((shown) => ({ ...shown, jobs: patchRows(shown.jobs, job).rows }));
    }
    const newest = page.jobs[0]?.created_at ?? '';
    if (Date.parse(job.created_at) >= (Date.parse(newest) || 0) && couldMatch(filters, job, statusOf(job))) {
      setFresh((before) => new Set(before).add(job.job_id));
    }
  };
  /** What is shown is brought up to date in place; what is not shown is counted. */
  const lookAgain = async () => {
    if (!page) return;
    try {
      const latest = await load(null);
      if (asked.current === key) latest.jobs.forEach(take);
    } catch {
      // The badge says how news come; the next look may do better.
    }
  };
  useNews((news) => void (news.kind === 'job' ? take(news.job) : lookAgain()));

  const reload = () => {
    setFresh(new Set());
    scrollTo({ top: 0 });
    pages.reload();
  };
  return { ...pages, reload, newCount: fresh.size };
}
