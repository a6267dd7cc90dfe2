// Tries a workflow on a record or a past event, and shows what it would write.
import { useState } from 'preact/hooks';
import type { Connection, JobSummary } from '../api-types.ts';
import { fetchJob, fetchJobs, postAction } from '../api.ts';
import { JobProgress } from '../jobs/JobProgress.tsx';
import { nameOf, STATUS_WORDS, statusOf } from '../jobs/jobs.ts';
import { useView } from '../load.ts';
import { useViewer, whyReadOnly } from '../me.ts';
import { clip, visibleLine } from '../text.ts';
import { relative } from '../time.ts';
import { ActionButton } from '../ui/ActionButton.tsx';
import { ProblemLine, SelectField, TextField } from '../ui/Field.tsx';
import { useSend } from '../useSend.ts';
import type { Settings } from './settings.ts';
import { aboutOf, accountsFor } from './workflows.ts';

const MOST_PAST = '20';

interface PastProps {
  jobType: string;
  /** Those of the form, saved or not. */
  settings: Settings;
  connections: readonly Connection[];
}

/** For a workflow's settings: tries them on what has come before. */
export function TryPast({ jobType, settings, connections }: PastProps) {
  const { tenant } = useViewer();
  const { view } = useView(`past|${tenant ?? ''}|${jobType}`, (signal) =>
    fetchJobs({ tenant, workflow: jobType, limit: MOST_PAST }, signal),
  );
  const [jobId, setJobId] = useState<string | null>(null);
  const past = view.state === 'ready' ? view.data.jobs : [];
  return (
    <>
      <TrialForm
        key={view.state}
        jobType={jobType}
        connections={connections}
        past={past}
        settings={settings}
        onStart={setJobId}
      />
      {jobId !== null && <JobProgress key={jobId} id={jobId} />}
    </>
  );
}

interface FormProps {
  jobType: string;
  connections: readonly Connection[];
  past?: readonly JobSummary[];
  /** Instead of the saved ones. */
  settings?: Settings;
  /** Whether it may be run in earnest as well, and why it cannot be just now. */
  canRun?: boolean;
  whyNotRun?: string | null;
  onStart: (jobId: string) => void;
}

export function TrialForm(props: FormProps) {
  const { jobType, connections, past = [], settings, canRun = false, whyNotRun = null, onStart } = props;
  const viewer = useViewer();
  const { record } = aboutOf(jobType);
  const accounts = accountsFor(jobType, connections);
  const [from, setFrom] = useState(past[0]?.job_id ?? '');
  const [account, setAccount] = useState('');
  const [id, setId] = useState('');
  const accountPath = `parameters.${record?.account}`;
  const idPath = `parameters.${record?.id}`;
  const sending = useSend(from === '' ? [accountPath, idPath] : []);
  if (!record) return <p class="muted">It writes nothing in other systems, so there is nothing to try.</p>;

  const chosenAccount = account || (accounts[0]?.value ?? '');
  const what = async () => {
    if (from === '') return { parameters: { [record.account]: chosenAccount, [record.id]: id.trim() } };
    const job = await fetchJob(from, viewer.tenant);
    return job.event ? { event_id: job.event.event_id } : { parameters: job.parameters };
  };
  const start = (path: string, more: object) =>
    void sending.send(async () => {
      const answer = await postAction(viewer.config.webhook_url, path, { job_type: jobType, ...(await what()), ...more });
      onStart((answer as { job_id: string }).job_id);
    });
  const whyNot = whyReadOnly(viewer) ?? (sending.isBusy ? 'One moment: it is being started.' : null) ?? whyNothing();
  function whyNothing(): string | null {
    if (from !== '') return null;
    if (accounts.length === 0) return 'Connect the system that the record lies in first.';
    return id.trim() === '' ? `Enter the ${record?.label.toLowerCase()} first.` : null;
  }

  return (
    <div class="form">
      {past.length > 0 && (
        <SelectField label="Past event" value={from} options={pastOptions(past)} onChange={setFrom} />
      )}
      {from === '' && (
        <div class="field-row">
          <SelectField
            label="Where"
            value={chosenAccount}
            options={accounts.length === 0 ? [{ value: '', label: 'nothing connected' }] : accounts}
            onChange={setAccount}
            problem={sending.problemOf(accountPath)}
          />
          <TextField
            label={record.label}
            help={record.help}
            value={id}
            onInput={setId}
            problem={sending.problemOf(idPath)}
          />
        </div>
      )}
      {sending.problem !== null && <ProblemLine text={sending.problem} />}
      <div class="buttons">
        <ActionButton
          isMain={!canRun}
          whyNot={whyNot}
          onPress={() => start('/webhook/dry-runs', settings === undefined ? {} : { settings })}
        >
          Try it (writes nothing)
        </ActionButton>
        {canRun && (
          <ActionButton isMain whyNot={whyNotRun ?? whyNot} onPress={() => start('/webhook/generic-job', {})}>
            Run it
          </ActionButton>
        )}
      </div>
    </div>
  );
}

function pastOptions(past: readonly JobSummary[]): Array<{ value: string; label: string }> {
  const now = Date.now();
  const options = past.map((job) => {
    const name = visibleLine(clip(nameOf(job), 60));
    const status = STATUS_WORDS[statusOf(job)].word.toLowerCase();
    return { value: job.job_id, label: `${name}, ${relative(Date.parse(job.created_at), now)}, ${status}` };
  });
  return [...options, { value: '', label: 'Another record…' }];
}
