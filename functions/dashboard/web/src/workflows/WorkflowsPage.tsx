// What runs for this tenant, and what does it lack? For admins.
import type { Workflow } from '../admin-types.ts';
import { fetchWorkflows } from '../admin.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { AdminOnly } from '../ui/AdminOnly.tsx';
import { Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { Switch } from './Switch.tsx';
import { aboutOf, missingText } from './workflows.ts';

export function WorkflowsPage() {
  return (
    <AdminOnly title="Workflows">
      <WorkflowList />
    </AdminOnly>
  );
}

/** The workflows as they are set up; kept for all views that show them. */
export function useWorkflows() {
  const { tenant } = useViewer();
  const { view, reload, replace } = useView(`workflows|${tenant ?? ''}`, (signal) => fetchWorkflows(tenant, signal));
  const put = (changed: Workflow) =>
    replace(({ workflows }) => ({
      workflows: workflows.map((workflow) => (workflow.job_type === changed.job_type ? changed : workflow)),
    }));
  return { view, reload, put };
}

function WorkflowList() {
  const { view, reload, put } = useWorkflows();
  const firstRun = (
    <Link class="button" href="/welcome">
      First run
    </Link>
  );
  return (
    <Page title="Workflows" actions={firstRun}>
      <Show view={view} reload={reload} skeleton={<Skeleton rows={5} height={84} />}>
        {({ workflows }) => (
          <ul class="stack" aria-label="Workflows">
            {workflows.map((workflow) => (
              <Entry key={workflow.job_type} workflow={workflow} onChange={put} />
            ))}
          </ul>
        )}
      </Show>
    </Page>
  );
}

function Entry({ workflow, onChange }: { workflow: Workflow; onChange: (workflow: Workflow) => void }) {
  return (
    <li class="card">
      <div class="entry-head">
        <Link href={`/workflows/${workflow.job_type}`} class="entry-title">
          {workflow.job_type}
        </Link>
        <Switch workflow={workflow} onChange={onChange} />
      </div>
      <p class="muted">{aboutOf(workflow.job_type).does}</p>
      <Missing workflow={workflow} />
    </li>
  );
}

/** What it lacks, where it is on; where it is off, that it is lacking is no trouble yet. */
export function Missing({ workflow }: { workflow: Workflow }) {
  const missing = missingText(workflow.missing);
  if (missing === null) return null;
  return (
    <p class={`missing small ${workflow.is_enabled ? 'is-warn' : 'is-quiet'}`}>
      <Icon name="warning" />
      <span>
        {missing} <Link href="/connections">Connections</Link>
      </span>
    </p>
  );
}
