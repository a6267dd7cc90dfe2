// Is each connected system well, and does each workflow run?
import type { Connection, WorkflowStatus } from '../api-types.ts';
import { fetchSyncStatus } from '../api.ts';
import { useNews } from '../live.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { providerName } from '../text.ts';
import { count, counted, duration } from '../time.ts';
import { Card, Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Link } from '../ui/Link.tsx';
import { EventJobStatus, Mark, type Tone } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { nameOf } from '../jobs/jobs.ts';

const STATES: Record<Connection['state'], { tone: Tone; word: string; meaning: string }> = {
  HEALTHY: { tone: 'good', word: 'Healthy', meaning: 'The provider lets us in.' },
  NEEDS_AUTHORISATION: {
    tone: 'bad',
    word: 'Needs authorisation',
    meaning: 'The provider does not let us in any more: an admin has to connect it again.',
  },
  RATE_LIMITED: { tone: 'warn', word: 'Rate-limited', meaning: 'The provider wants fewer calls; jobs wait by themselves.' },
};

export function ConnectionsPage() {
  const { tenant } = useViewer();
  const { view, reload } = useView(`sync|${tenant ?? ''}`, (signal) => fetchSyncStatus(tenant, signal));
  useNews((news) => news.kind === 'refresh' && reload());
  return (
    <Page title="Connections">
      <Show view={view} reload={reload} skeleton={<Skeleton rows={2} height={240} />}>
        {({ connections, workflows, jobs_waiting_for_authorisation: waiting }) => (
          <>
            {waiting > 0 && (
              <p class="lead">
                <Link href="/jobs" query={{ status: 'WAITING' }}>
                  {counted(waiting, 'job')}
                </Link>{' '}
                {waiting === 1 ? 'waits' : 'wait'} for a new authorisation.
              </p>
            )}
            {connections.length === 0 ? (
              <Empty title="Nothing is connected yet.">An admin connects a system; it is then shown here.</Empty>
            ) : (
              <ul class="tiles" aria-label="Connections">
                {connections.map((connection) => (
                  <ConnectionTile key={connection.connection_id} connection={connection} />
                ))}
              </ul>
            )}
            <Card title="Workflows">
              <Workflows workflows={workflows} />
            </Card>
          </>
        )}
      </Show>
    </Page>
  );
}

function ConnectionTile({ connection }: { connection: Connection }) {
  const { tone, word, meaning } = STATES[connection.state];
  return (
    <li class="card tile">
      <div class="tile-head">
        <strong>{providerName(connection.provider)}</strong>
        <Mark tone={tone} word={word} tip={meaning} />
      </div>
      <p>
        <Line text={connection.account_name} most={80} />
        <br />
        <span class="muted small">
          <Line text={connection.account_id} most={60} />
        </span>
      </p>
      {connection.state === 'NEEDS_AUTHORISATION' && (
        <p class="small">
          An admin has to connect it again; its jobs wait for that.
        </p>
      )}
      {connection.limited_until !== null && (
        <p class="small">
          Limited, again <RelativeTime at={connection.limited_until} isStop />
        </p>
      )}
      <BudgetMeter connection={connection} />
      <dl class="facts">
        <dt>Last event</dt>
        <dd>
          <RelativeTime at={connection.last_event_at} isStop />
        </dd>
        {connection.next_poll_at !== null && (
          <>
            <dt>Next look</dt>
            <dd>
              <RelativeTime at={connection.next_poll_at} isStop />
            </dd>
          </>
        )}
      </dl>
    </li>
  );
}

function BudgetMeter({ connection: { budget, provider } }: { connection: Connection }) {
  if (!budget) return <p class="muted small budget">No calls lately, so no rate budget to show.</p>;
  const label = `${count(budget.left)} of ${count(budget.limit)} calls left in ${duration(budget.window_ms)}`;
  return (
    <div class="budget">
      <meter
        min={0}
        max={budget.limit}
        low={budget.limit * 0.15}
        optimum={budget.limit}
        value={budget.left}
        aria-label={`Rate budget of ${providerName(provider)}: ${label}`}
      />
      <span class="muted small">{label}</span>
    </div>
  );
}

function Workflows({ workflows }: { workflows: readonly WorkflowStatus[] }) {
  // The roles are those that the elements have anyway; the style of a narrow window would take them away.
  return (
    <table class="plain" role="table">
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">Workflow</th>
          <th role="columnheader" scope="col">State</th>
          <th role="columnheader" scope="col">Last job</th>
          <th role="columnheader" scope="col">When</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {workflows.map((workflow) => (
          <tr role="row" key={workflow.job_type}>
            <th role="rowheader" scope="row">
              <Link href="/jobs" query={{ workflow: workflow.job_type }}>
                {workflow.job_type}
              </Link>
            </th>
            <td role="cell">
              {workflow.is_enabled ? <Mark tone="good" word="On" /> : <Mark tone="quiet" word="Off" tip="An admin can turn it on." />}
            </td>
            <td role="cell">
              {workflow.last_job ? (
                <span class="entry-job">
                  <EventJobStatus job={workflow.last_job} />
                  <Link href={`/jobs/${workflow.last_job.job_id}`}>
                    <Line text={nameOf(workflow.last_job)} most={60} />
                  </Link>
                </span>
              ) : (
                <span class="muted">none yet</span>
              )}
            </td>
            <td role="cell">
              <RelativeTime at={workflow.last_job_at} isStop />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
