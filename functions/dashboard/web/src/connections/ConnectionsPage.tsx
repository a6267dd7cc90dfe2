// Is each connected system well, and does each workflow run? Here an admin connects and disconnects.
import { useEffect } from 'preact/hooks';
import type { SyncStatus, WorkflowStatus } from '../api-types.ts';
import { fetchSyncStatus } from '../api.ts';
import { connectedText, consentEnd } from '../consent-end.ts';
import { useReloadOnNews } from '../live.ts';
import { useView } from '../load.ts';
import { useViewer, whyNotAdmin } from '../me.ts';
import { counted } from '../time.ts';
import { Card, Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Link } from '../ui/Link.tsx';
import { Cell, PlainTable, RowHead } from '../ui/PlainTable.tsx';
import { EventJobStatus, Mark } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { nameOf } from '../jobs/jobs.ts';
import { ConnectButton, ConsentNote, useConnecting } from './Connect.tsx';
import { ConnectionTile } from './ConnectionTile.tsx';

const PROVIDERS = ['xero', 'hubspot', 'shopify', 'asana', 'slack'];

export function ConnectionsPage() {
  const { tenant } = useViewer();
  const { view, reload } = useView(`sync|${tenant ?? ''}`, (signal) => fetchSyncStatus(tenant, signal));
  // A job that is let in no more tells that its connection has ended.
  useReloadOnNews(reload);
  useEffect(() => {
    const end = consentEnd.get();
    if (!end) return;
    consentEnd.set(null);
    showToast(connectedText(end.provider), 'good');
  }, []);
  return (
    <Page title="Connections">
      <Show view={view} reload={reload} skeleton={<Skeleton rows={2} height={240} />}>
        {(sync) => <Connections sync={sync} reload={reload} />}
      </Show>
    </Page>
  );
}

function Connections({ sync, reload }: { sync: SyncStatus; reload: () => void }) {
  const { connections, workflows, jobs_waiting_for_authorisation: waiting } = sync;
  const connecting = useConnecting(connections, reload);
  const isAdmin = whyNotAdmin(useViewer()) === null;
  return (
    <>
      <ConsentNote />
      {waiting > 0 && (
        <p class="lead">
          <Link href="/jobs" query={{ status: 'WAITING' }}>
            {counted(waiting, 'job')}
          </Link>{' '}
          {waiting === 1 ? 'waits' : 'wait'} for a new authorisation.
        </p>
      )}
      {connections.length === 0 ? (
        <Empty title="Nothing is connected yet.">
          {isAdmin ? (
            <>
              Connect a system below, or let the <Link href="/welcome">first run</Link> lead you.
            </>
          ) : (
            'An admin connects a system; it is then shown here.'
          )}
        </Empty>
      ) : (
        <ul class="tiles" aria-label="Connections">
          {connections.map((connection) => (
            <ConnectionTile
              key={connection.connection_id}
              connection={connection}
              waiting={waiting}
              connecting={connecting}
              onChange={reload}
            />
          ))}
        </ul>
      )}
      <Card title="Connect a system" class="connect">
        <div class="buttons">
          {PROVIDERS.map((provider) => (
            <ConnectButton key={provider} provider={provider} connecting={connecting} />
          ))}
        </div>
        <p class="muted small">
          The provider asks you in a tab of its own what Zixly may do, and you can take it back at any time.
        </p>
      </Card>
      <Card title="Workflows">
        <Workflows workflows={workflows} />
      </Card>
      {connecting.dialog}
    </>
  );
}

function Workflows({ workflows }: { workflows: readonly WorkflowStatus[] }) {
  const isAdmin = whyNotAdmin(useViewer()) === null;
  return (
    <PlainTable label="Workflows" columns={['Workflow', 'State', 'Last job', 'When']}>
      {workflows.map((workflow) => (
        <tr role="row" key={workflow.job_type}>
          <RowHead>
            <Link href="/jobs" query={{ workflow: workflow.job_type }}>
              {workflow.job_type}
            </Link>
          </RowHead>
          <Cell>
            {workflow.is_enabled ? (
              <Mark tone="good" word="On" />
            ) : isAdmin ? (
              <Link href={`/workflows/${workflow.job_type}`} aria-label={`${workflow.job_type} is off: set it up`}>
                <Mark tone="quiet" word="Off" />
              </Link>
            ) : (
              <Mark tone="quiet" word="Off" tip="An admin can turn it on." />
            )}
          </Cell>
          <Cell>
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
          </Cell>
          <Cell>
            <RelativeTime at={workflow.last_job_at} isStop />
          </Cell>
        </tr>
      ))}
    </PlainTable>
  );
}
