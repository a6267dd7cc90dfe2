// Who did what when. For admins.
import type { AuditEntry, AuditPage as Page_ } from '../api-types.ts';
import { fetchAudit } from '../api.ts';
import { useViewer } from '../me.ts';
import { usePages } from '../pages.ts';
import { AdminOnly } from '../ui/AdminOnly.tsx';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { ListFoot } from '../ui/ListFoot.tsx';
import { Cell, PlainTable, RowHead } from '../ui/PlainTable.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { changesOf, type FieldChange } from './diff.ts';

/** So many changed fields need not be unfolded. */
const SHOWN_AT_ONCE = 5;

export function AuditPage() {
  return (
    <AdminOnly title="Audit">
      <Entries />
    </AdminOnly>
  );
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
  const changes = changesOf(entry.before, entry.after);
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
      {changes.length > 0 && (
        <details class="fold" open={changes.length <= SHOWN_AT_ONCE}>
          <summary>Before and after</summary>
          <Changes changes={changes} of={`${entry.action} ${entry.subject}`} />
        </details>
      )}
    </li>
  );
}

function Changes({ changes, of }: { changes: readonly FieldChange[]; of: string }) {
  return (
    <PlainTable label={`What changed: ${of}`} columns={['Field', 'Before', 'After']}>
      {changes.map(({ path, before, after }) => (
        <tr role="row" key={path}>
          <RowHead>
            <Line text={path || 'value'} most={120} />
          </RowHead>
          <Value label="Before" text={before} isGone />
          <Value label="After" text={after} />
        </tr>
      ))}
    </PlainTable>
  );
}

function Value({ label, text, isGone = false }: { label: string; text: string | null; isGone?: boolean }) {
  if (text === null) {
    return (
      <Cell label={label}>
        <span class="muted">—</span>
      </Cell>
    );
  }
  const Changed = isGone ? 'del' : 'ins';
  return (
    <Cell label={label}>
      <Changed>
        <Line text={text} most={400} />
      </Changed>
    </Cell>
  );
}
