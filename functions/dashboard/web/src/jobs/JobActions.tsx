// Retry and cancel, asked of the pipeline as any client would ask.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { JobSummary, Request } from '../api-types.ts';
import { postAction } from '../api.ts';
import { useShortcut } from '../keyboard.ts';
import { useViewer, whyReadOnly } from '../me.ts';
import { useStore } from '../store.ts';
import { ActionButton } from '../ui/ActionButton.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Line } from '../ui/Text.tsx';
import { showToast } from '../ui/Toast.tsx';
import { toggleWatch, watched } from '../watch.ts';
import { type Action, isEnded, nameOf, whyStateForbids } from './jobs.ts';

type Steered = Pick<JobSummary, 'job_id' | 'status' | 'about'> & { request?: Request | null };

interface JobActions {
  dialog: ComponentChildren;
  ask: (action: Action) => void;
  whyNot: (action: Action) => string | null;
}

const WORDS: Record<Action, { button: string; title: string; text: string; done: string }> = {
  retry: {
    button: 'Retry',
    title: 'Retry this job?',
    text: 'It goes on at the step that failed. The steps that are done stay done, and nothing is written twice.',
    done: 'Noted: the job is tried again next.',
  },
  cancel: {
    button: 'Cancel job',
    title: 'Cancel this job?',
    text: 'It ends before its next step. What it has written already stays written.',
    done: 'Noted: the job ends before its next step.',
  },
};

/** The actions on one job, their keys `r` and `c`, and the question before each. */
export function useJobActions(job: Steered | null, onDone: () => void): JobActions {
  const viewer = useViewer();
  const [asked, setAsked] = useState<{ action: Action; job: Steered } | null>(null);

  const whyNot = (action: Action) => {
    if (!job) return 'Choose a job first: j and k move from row to row.';
    return whyReadOnly(viewer) ?? whyStateForbids(action, job.status, job.request?.kind ?? null);
  };
  const ask = (action: Action) => {
    const reason = whyNot(action);
    if (reason !== null || !job) return showToast(reason ?? '');
    setAsked({ action, job });
  };
  useShortcut('r', () => ask('retry'));
  useShortcut('c', () => ask('cancel'));

  const confirm = async () => {
    if (!asked) return;
    const id = encodeURIComponent(asked.job.job_id);
    await postAction(viewer.config.webhook_url, `/webhook/jobs/${id}/${asked.action}`);
    showToast(WORDS[asked.action].done, 'good');
    setAsked(null);
    onDone();
  };
  const dialog = asked && (
    <Confirm
      title={WORDS[asked.action].title}
      confirmLabel={WORDS[asked.action].button}
      isDangerous={asked.action === 'cancel'}
      onConfirm={confirm}
      onClose={() => setAsked(null)}
    >
      <p>
        <strong>
          <Line text={nameOf(asked.job)} most={80} />
        </strong>
      </p>
      <p>{WORDS[asked.action].text}</p>
    </Confirm>
  );
  return { dialog, ask, whyNot };
}

export function JobButtons({ job, actions }: { job: Steered; actions: JobActions }) {
  return (
    <>
      <WatchButton job={job} />
      <ActionButton whyNot={actions.whyNot('retry')} keys="r" onPress={() => actions.ask('retry')}>
        <Icon name="retry" /> Retry
      </ActionButton>
      <ActionButton whyNot={actions.whyNot('cancel')} keys="c" onPress={() => actions.ask('cancel')}>
        <Icon name="close" /> Cancel job
      </ActionButton>
    </>
  );
}

function WatchButton({ job }: { job: Steered }) {
  const { tenant } = useViewer();
  const isWatched = useStore(watched).has(job.job_id);
  if (isEnded(job.status)) return null;
  return (
    <button
      type="button"
      class="button"
      aria-pressed={isWatched}
      data-tip="Tells you when the job ends."
      onClick={() => void toggleWatch(job.job_id, nameOf(job), tenant)}
    >
      <Icon name="bell" /> {isWatched ? 'Watching' : 'Watch'}
    </button>
  );
}
