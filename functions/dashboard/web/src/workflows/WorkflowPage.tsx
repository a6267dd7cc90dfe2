// How one workflow should run: on or off, its settings, and what they would do. For admins.
import { useEffect, useState } from 'preact/hooks';
import type { Workflow } from '../admin-types.ts';
import { setWorkflow } from '../admin.ts';
import type { Connection } from '../api-types.ts';
import { fetchSyncStatus } from '../api.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { AdminOnly } from '../ui/AdminOnly.tsx';
import { ProblemLine } from '../ui/Field.tsx';
import { Card, Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Link } from '../ui/Link.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { useSend } from '../useSend.ts';
import { Notifications } from './Notifications.tsx';
import { draftOf, type Draft, settingsOf, shownFields } from './settings.ts';
import { SettingInput } from './SettingInput.tsx';
import { Switch } from './Switch.tsx';
import { TryPast } from './Trial.tsx';
import { Missing, useWorkflows } from './WorkflowsPage.tsx';
import { aboutOf } from './workflows.ts';

export function WorkflowPage({ jobType }: { jobType: string }) {
  return (
    <AdminOnly title={jobType}>
      <Body jobType={jobType} />
    </AdminOnly>
  );
}

function Body({ jobType }: { jobType: string }) {
  const { tenant } = useViewer();
  const { view, reload, put } = useWorkflows();
  const sync = useView(`sync|${tenant ?? ''}`, (signal) => fetchSyncStatus(tenant, signal));
  const connections = sync.view.state === 'ready' ? sync.view.data.connections : [];
  const found = view.state === 'ready' ? view.data.workflows.find(({ job_type }) => job_type === jobType) : undefined;
  return (
    <Page
      title={jobType}
      crumbs={[{ label: 'Workflows', href: '/workflows' }, { label: jobType }]}
      heading={<Line text={jobType} most={80} />}
      actions={found && <Switch workflow={found} onChange={put} />}
    >
      <p class="lead">{aboutOf(jobType).does}</p>
      <Show view={view} reload={reload} skeleton={<Skeleton rows={2} height={260} />}>
        {() =>
          found ? (
            <Setup workflow={found} connections={connections} onChange={put} />
          ) : (
            <Empty title="There is no such workflow.">
              <Link href="/workflows">Back to the workflows</Link>
            </Empty>
          )
        }
      </Show>
    </Page>
  );
}

interface SetupProps {
  workflow: Workflow;
  connections: readonly Connection[];
  onChange: (workflow: Workflow) => void;
}

function Setup({ workflow, connections, onChange }: SetupProps) {
  const { fields } = aboutOf(workflow.job_type);
  const [draft, setDraft] = useState<Draft>(() => draftOf(workflow.settings, fields));
  // What was saved is shown as the server has it.
  useEffect(() => setDraft(draftOf(workflow.settings, fields)), [JSON.stringify(workflow.settings)]);
  const settings = settingsOf(draft, workflow.settings, fields);
  return (
    <>
      <Missing workflow={workflow} />
      <div class="columns is-set-up">
        <Card
          title="Settings"
          aside={
            workflow.updated_at !== null && (
              <>
                changed <RelativeTime at={workflow.updated_at} isStop />
              </>
            )
          }
        >
          <SettingsForm
            workflow={workflow}
            connections={connections}
            draft={draft}
            onDraft={setDraft}
            onChange={onChange}
          />
        </Card>
        <Card title="Try it against a past event">
          <p class="lead small">With the settings as they are in the form, saved or not. Nothing is written anywhere.</p>
          <TryPast jobType={workflow.job_type} settings={settings} connections={connections} />
        </Card>
      </div>
    </>
  );
}

interface FormProps extends SetupProps {
  draft: Draft;
  onDraft: (draft: Draft) => void;
}

function SettingsForm({ workflow, connections, draft, onDraft, onChange }: FormProps) {
  const { tenant } = useViewer();
  const { fields } = aboutOf(workflow.job_type);
  const sending = useSend(shownFields(draft, fields));
  const settings = settingsOf(draft, workflow.settings, fields);
  const isChanged = JSON.stringify(draft) !== JSON.stringify(draftOf(workflow.settings, fields));
  const save = async () => {
    const { job_type, is_enabled } = workflow;
    onChange(await setWorkflow(tenant, job_type, is_enabled, settings));
    showToast('Saved. Jobs that begin from now on run like this.', 'good');
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (!sending.isBusy) void sending.send(save);
  };
  return (
    <form class="form" aria-label="Settings" onSubmit={submit} noValidate>
      {fields.map((field) => (
        <SettingInput
          key={field.name}
          field={field}
          value={draft.values[field.name] ?? ''}
          connections={connections}
          problem={sending.problemOf(field.name)}
          onInput={(value) => onDraft({ ...draft, values: { ...draft.values, [field.name]: value } })}
        />
      ))}
      <Notifications
        channels={draft.notifications}
        connections={connections}
        problemOf={sending.problemOf}
        onChange={(notifications) => onDraft({ ...draft, notifications })}
      />
      {sending.problem !== null && <ProblemLine text={sending.problem} />}
      <footer>
        <span class="muted small" role="status">
          {isChanged ? 'Not saved yet.' : ''}
        </span>
        <button type="submit" class="button is-main" disabled={sending.isBusy}>
          {sending.isBusy ? 'Saving…' : 'Save'}
        </button>
      </footer>
    </form>
  );
}
