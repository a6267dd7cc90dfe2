// Jobs whose end somebody wants to be told of. Remembered while the page is open.
import { fetchJob } from './api.ts';
import type { JobStatus } from './api-types.ts';
import { isEnded, statusOf, STATUS_WORDS } from './jobs/jobs.ts';
import { followNews, stayAwake } from './live.ts';
import { createStore } from './store.ts';
import { showToast } from './ui/Toast.tsx';

interface Watched {
  name: string;
  tenant: string | null;
  rest: () => void;
}

export const watched = createStore<ReadonlyMap<string, Watched>>(new Map());

followNews((news) => {
  if (news.kind === 'job') return settle(news.job.job_id, news.job.status);
  for (const [id, { tenant }] of watched.get()) {
    // A look that fails is made up for by the next news.
    fetchJob(id, tenant).then((job) => settle(id, job.status), () => undefined);
  }
});

/** Begins or ends to watch a job. Asks for the right to notify when it is the first. */
export async function toggleWatch(id: string, name: string, tenant: string | null): Promise<void> {
  if (watched.get().has(id)) return unwatch(id);
  watched.set(new Map(watched.get()).set(id, { name, tenant, rest: stayAwake() }));
  const isAllowed = 'Notification' in window && (await Notification.requestPermission()) === 'granted';
  showToast(
    isAllowed
      ? `You will be notified when ${name} ends, while this page is open.`
      : `The browser allows no notifications, so this page will say it when ${name} ends.`,
  );
}

function settle(id: string, status: JobStatus): void {
  const job = watched.get().get(id);
  if (!job || !isEnded(status)) return;
  unwatch(id);
  const text = `${job.name}: ${STATUS_WORDS[statusOf({ status, waiting_reason: null })].word}`;
  showToast(text, status === 'FAILED' ? 'problem' : 'good');
  if ('Notification' in window && Notification.permission === 'granted') new Notification(text, { tag: id });
}

function unwatch(id: string): void {
  const left = new Map(watched.get());
  left.get(id)?.rest();
  left.delete(id);
  watched.set(left);
}
