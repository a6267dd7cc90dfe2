// Who did what when. For admins.
import type { AuditEntry, AuditPage as Page_ } from '../api-types.ts';
import { fetchAudit } from '../api.ts';
import { useViewer } from '../me.ts';
import { usePages } from '../pages.ts';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { JsonTree } from '../ui/JsonTree.tsx';
import { ListFoot } from '../ui/ListFoot.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';

export function AuditPage() {
  const { me } = useViewer();
  if (me.role !== 'ADMIN' && !me.is_platform_admin) {
    return (
      <Page title="Audit">
        <Empty title="Only an admin can see who did what.">
          Your role is {me.role}. Ask an admin of {me.tenant.name} if you need to know.
        </Empty>
      </Page>
    );
  }
  return <Entries />;
}

function Entries() {
  const { tenant } = useViewer();
  const list = usePages<Page_>(
    `audit|${tenant ?? ''}`,
    (cursor, signal) => fetchAudit({ tenant, limit: '50', cursor }, signal),
    (shown, next) => ({ ...next, entries: [...shown.entries, ...next.entries] }),
    (_, first) => first,
  );
  return (
    <Page title="Audit">
      <Show view={list.view} reload={list.reload} skeleton={<Skeleton rows={10} height={52} />}>
        {({ entries, next_cursor }) =>
          entries.length === 0 ? (
            <Empty title="Nothing has been done yet." />
          ) : (
            <>
              <ol class="card entries" aria-label="Audit log">
                {entries.map((entry) => (
                  <Entry key={entry.entry_id} entry={entry} />
                ))}
              </ol>
              <ListFoot shown={entries.length} hasMore={next_cursor !== null} more={list.more} onMore={list.loadMore} />
            </>
          )
        }
      </Show>
    </Page>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const hasDetail = entry.before !== null || entry.after !== null;
  return (
    <li>
      <div class="entry-head">
        <span class="entry-title">
          <Line text={entry.action} most={80} />{' '}
          <span class="muted">
            <Line text={entry.subject} most={120} />
          </span>
        </span>
        <span class="muted small">
          <RelativeTime at={entry.at} isStop />
        </span>
      </div>
      <p class="muted small">
        <Line text={entry.actor_email ?? entry.actor} most={120} />
        {entry.source_address !== null && (
          <>
            {' '}
            from <Line text={entry.source_address} most={60} />
          </>
        )}
      </p>
      {hasDetail && (
        <details class="fold">
          <summary>Before and after</summary>
          <div class="columns">
            <JsonTree value={entry.before} label="before" />
            <JsonTree value={entry.after} label="after" />
          </div>
        </details>
      )}
    </li>
  );
}
