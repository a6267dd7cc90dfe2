// The first run: from nothing to a completed job in four steps. For admins.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Workflow } from '../admin-types.ts';
import type { Connection } from '../api-types.ts';
import { fetchSyncStatus } from '../api.ts';
import { ConnectButton, ConsentNote, useConnecting } from '../connections/Connect.tsx';
import { CONNECTION_STATES } from '../connections/ConnectionTile.tsx';
import { useJob } from '../jobs/JobPage.tsx';
import { JobProgress } from '../jobs/JobProgress.tsx';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { setQuery, usePlace } from '../router.ts';
import { providerName } from '../text.ts';
import { AdminOnly } from '../ui/AdminOnly.tsx';
import { SelectField } from '../ui/Field.tsx';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { Mark } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { Switch } from '../workflows/Switch.tsx';
import { TrialForm } from '../workflows/Trial.tsx';
import { aboutOf, MAIN_WORKFLOW } from '../workflows/workflows.ts';
import { useWorkflows } from '../workflows/WorkflowsPage.tsx';
import { needsOf, progressOf, type Started, type StepState } from './steps.ts';

export function WelcomePage() {
  return (
    <AdminOnly title="First run">
      <FirstRun />
    </AdminOnly>
  );
}

function FirstRun() {
  const { tenant } = useViewer();
  const set = useWorkflows();
  const sync = useView(`sync|${tenant ?? ''}`, (signal) => fetchSyncStatus(tenant, signal));
  const reload = () => {
    set.reload();
    sync.reload();
  };
  return (
    <Page title="First run">
      <p class="lead">From nothing to a completed job. Each step shows how it stands by itself.</p>
      <Show view={set.view} reload={reload} skeleton={<Skeleton rows={4} height={130} />}>
        {({ workflows }) => (
          <Show view={sync.view} reload={reload} skeleton={<Skeleton rows={4} height={130} />}>
            {({ connections }) => (
              <Steps workflows={workflows} connections={connections} reload={reload} onChange={set.put} />
            )}
          </Show>
        )}
      </Show>
    </Page>
  );
}

interface StepsProps {
  workflows: readonly Workflow[];
  connections: readonly Connection[];
  reload: () => void;
  onChange: (workflow: Workflow) => void;
}

function Steps({ workflows, connections, reload, onChange }: StepsProps) {
  const { query } = usePlace();
  const jobId = query.get('job');
  const [started, setStarted] = useState<Started | null>(null);
  const connecting = useConnecting(connections, reload);
  const possible = workflows.filter(({ job_type }) => aboutOf(job_type).record !== null);
  const named = query.get('workflow') ?? MAIN_WORKFLOW;
  const workflow = possible.find(({ job_type }) => job_type === named) ?? possible[0];
  useEffect(() => setStarted(null), [jobId]);
  if (!workflow) return <Empty title="This installation has no workflow to begin with." />;
  const progress = progressOf(workflow, started);
  return (
    <>
      <ConsentNote />
      <ol class="stack steps" aria-label="Steps">
        <Step number={1} title="Connect two systems" state={progress.connect}>
          <SelectField
            label="What is to run"
            help={aboutOf(workflow.job_type).does}
            value={workflow.job_type}
            options={possible.map(({ job_type }) => ({ value: job_type, label: job_type }))}
            onChange={(jobType) => setQuery({ workflow: jobType, job: null }, true)}
          />
          <ul class="needs" aria-label="Systems">
            {needsOf(workflow, connections).map(({ provider, connection, isMissing }) => (
              <li key={provider}>
                <strong>{providerName(provider)}</strong>
                <AccountState connection={connection} />
                {isMissing && <ConnectButton provider={provider} connecting={connecting} />}
              </li>
            ))}
          </ul>
        </Step>
        <Step number={2} title="Switch the workflow on" state={progress.switchOn}>
          <div class="entry-head">
            <Switch workflow={workflow} onChange={onChange} />
            <span>
              <Link href={`/workflows/${workflow.job_type}`}>Its settings</Link>
              <span class="muted"> can stay as they are.</span>
            </span>
          </div>
        </Step>
        <Step number={3} title="Send a test event" state={progress.send}>
          <p class="muted">
            Take a record that is paid, won or done. Trying shows what would be written; running writes it.
          </p>
          <TrialForm
            key={workflow.job_type}
            jobType={workflow.job_type}
            connections={connections}
            canRun
            whyNotRun={workflow.is_enabled ? null : 'Switch the workflow on first.'}
            onStart={(id) => setQuery({ job: id })}
          />
        </Step>
        <Step number={4} title="Watch it" state={progress.watch}>
          {jobId === null ? (
            <p class="muted">What it does is shown here as it happens.</p>
          ) : (
            <Watched key={jobId} id={jobId} onChange={setStarted} />
          )}
          {started?.isDryRun && started.status === 'COMPLETED' && <p>If this is what you want, run it: the button is above.</p>}
          {progress.watch === 'done' && (
            <p>
              That was it. From now on {workflow.job_type} starts by itself. <Link href="/">Go to the overview</Link>
            </p>
          )}
        </Step>
      </ol>
      {connecting.dialog}
    </>
  );
}

const STATE_WORDS: Record<StepState, string> = { done: 'done', now: 'to do', later: 'comes later' };

interface StepProps {
  number: number;
  title: string;
  state: StepState;
  children: ComponentChildren;
}

function Step({ number, title, state, children }: StepProps) {
  return (
    <li class={`card step is-${state}`} aria-label={`${number}. ${title}: ${STATE_WORDS[state]}`} role="listitem">
      <span class="step-number" aria-hidden="true">
        {state === 'done' ? <Icon name="check" /> : number}
      </span>
      <div class="step-body">
        <h2>
          {title}
          <span class="sr-only">: {STATE_WORDS[state]}</span>
        </h2>
        {children}
      </div>
    </li>
  );
}

function AccountState({ connection }: { connection: Connection | null }) {
  if (!connection) return <Mark tone="quiet" word="Not connected" />;
  const { tone, word, meaning } = CONNECTION_STATES[connection.state];
  return (
    <>
      <Mark tone={tone} word={word} tip={meaning} />
      <span class="muted">
        <Line text={connection.account_name} most={80} />
      </span>
    </>
  );
}

function Watched({ id, onChange }: { id: string; onChange: (started: Started) => void }) {
  const { job } = useJob(id);
  useEffect(() => {
    if (job) onChange({ status: job.status, isDryRun: job.is_dry_run });
  }, [job]);
  return <JobProgress id={id} />;
}
