// What happened to this invoice? The list of jobs: searched, filtered, live.
import { useState } from 'preact/hooks';
import type { JobSummary, SearchScope } from '../api-types.ts';
import { useViewer } from '../me.ts';
import { changedQuery, hrefTo, navigate, setQuery, usePlace } from '../router.ts';
import { useView } from '../load.ts';
import { fetchSyncStatus } from '../api.ts';
import { clip } from '../text.ts';
import { count, localDate } from '../time.ts';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { ListFoot } from '../ui/ListFoot.tsx';
import { Menu } from '../ui/Menu.tsx';
import { RangePicker } from '../ui/RangePicker.tsx';
import { Table } from '../ui/Table.tsx';
import { Line } from '../ui/Text.tsx';
import { COLUMNS, columnsFrom, columnsText, isFixed, SHOWN_STATUSES, STATUS_WORDS, type ShownStatus } from './jobs.ts';
import { tableColumns } from './columns.tsx';
import { useJobActions } from './JobActions.tsx';
import { chipsOf, type Filters, filtersFrom, queryOf, type Vocabulary } from './search.ts';
import { SearchBox } from './SearchBox.tsx';
import { type JobList, useJobList } from './useJobList.ts';

export function JobsPage() {
  const { query } = usePlace();
  const filters = filtersFrom(query);
  const columns = columnsFrom(query);
  const vocabulary = useVocabulary();
  const list = useJobList(filters);
  const [cursor, setCursor] = useState<string | null>(null);
  const actions = useJobActions(jobAt(list, cursor), list.reload);
  const apply = (next: Filters) => setQuery(queryOf(next));

  return (
    <Page title="Jobs" actions={<ColumnChooser columns={columns} />}>
      <div class="filters">
        <SearchBox filters={filters} vocabulary={vocabulary} onApply={apply} />
        <RangePicker range={filters.range} anyLabel="Any time" />
        <WorkflowSelect filters={filters} workflows={vocabulary.workflows} onApply={apply} />
      </div>
      <StatusFilter filters={filters} onApply={apply} />
      <Chips filters={filters} onApply={apply} />
      <NewPill list={list} />
      <Show view={list.view} reload={list.reload} skeleton={<Skeleton rows={14} />}>
        {(page) =>
          page.jobs.length === 0 ? (
            <NoJobs filters={filters} />
          ) : (
            <Table
              label="Jobs"
              columns={tableColumns(columns)}
              rows={page.jobs}
              keyOf={(job) => job.job_id}
              hrefOf={(job) => `/jobs/${job.job_id}`}
              onCursor={(job) => job && setCursor(job.job_id)}
              onNearEnd={list.more.error ? undefined : list.loadMore}
            />
          )
        }
      </Show>
      <Foot list={list} />
      {actions.dialog}
    </Page>
  );
}

/** The row as it is now, not as it was when it got the focus. */
function jobAt(list: JobList, id: string | null): JobSummary | null {
  const jobs = list.view.state === 'ready' ? list.view.data.jobs : [];
  return jobs.find((job) => job.job_id === id) ?? null;
}

function useVocabulary(): Vocabulary {
  const { tenant } = useViewer();
  const { view } = useView(`sync|${tenant ?? ''}`, (signal) => fetchSyncStatus(tenant, signal));
  if (view.state !== 'ready') return { workflows: [], providers: [] };
  return {
    workflows: view.data.workflows.map((workflow) => workflow.job_type),
    providers: [...new Set(view.data.connections.map((connection) => connection.provider))],
  };
}

interface FilterProps {
  filters: Filters;
  onApply: (filters: Filters) => void;
}

function StatusFilter({ filters, onApply }: FilterProps) {
  const toggle = (status: ShownStatus) => {
    const isOn = filters.statuses.includes(status);
    const others = filters.statuses.filter((other) => other !== status);
    onApply({ ...filters, statuses: isOn ? others : [...others, status] });
  };
  return (
    <div class="toggles" role="group" aria-label="Status">
      {SHOWN_STATUSES.map((status) => (
        <button
          key={status}
          type="button"
          class={`toggle is-${status.toLowerCase()}`}
          aria-pressed={filters.statuses.includes(status)}
          data-tip={STATUS_WORDS[status].meaning}
          onClick={() => toggle(status)}
        >
          <Icon name={status} />
          {STATUS_WORDS[status].word}
        </button>
      ))}
    </div>
  );
}

function WorkflowSelect({ filters, workflows, onApply }: FilterProps & { workflows: readonly string[] }) {
  const all = filters.workflow && !workflows.includes(filters.workflow) ? [filters.workflow, ...workflows] : workflows;
  return (
    <label class="select">
      <span class="sr-only">Workflow</span>
      <select
        value={filters.workflow}
        onChange={(event) => onApply({ ...filters, workflow: event.currentTarget.value })}
      >
        <option value="">Any workflow</option>
        {all.map((workflow) => (
          <option key={workflow} value={workflow}>
            {workflow}
          </option>
        ))}
      </select>
    </label>
  );
}

function Chips({ filters, onApply }: FilterProps) {
  const chips = chipsOf(filters);
  if (chips.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {chips.map((chip) => (
        <li key={chip.key} class="chip">
          <span class="muted">{chip.name}</span> <Line text={chip.value} most={80} />
          <button
            type="button"
            aria-label={`Remove filter ${chip.name} ${clip(chip.value, 80)}`}
            onClick={() => onApply(chip.without)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      <li>
        <button type="button" class="link" onClick={() => onApply(filtersFrom(new URLSearchParams()))}>
          Clear all
        </button>
      </li>
    </ul>
  );
}

/** Rows never jump: what is new is counted, and shown when somebody wants it. */
function NewPill({ list }: { list: JobList }) {
  return (
    <div class="new-pill" role="status">
      {list.newCount > 0 && (
        <button type="button" class="pill" onClick={list.reload}>
          {list.newCount} new
          <span class="sr-only">, show them</span>
        </button>
      )}
    </div>
  );
}

function NoJobs({ filters }: { filters: Filters }) {
  const isFiltered = Object.values(queryOf(filters)).some((value) => value !== null);
  if (!isFiltered) {
    return (
      <Empty title="No jobs yet.">
        A job begins when a connected system says that something happened, or when somebody triggers one.
      </Empty>
    );
  }
  return (
    <Empty title="No job is like that.">
      Take a filter away, or widen the time. What was looked through is said below.
    </Empty>
  );
}

function Foot({ list }: { list: JobList }) {
  if (list.view.state !== 'ready') return null;
  const { jobs, next_cursor, search } = list.view.data;
  return (
    <ListFoot shown={jobs.length} hasMore={next_cursor !== null} more={list.more} onMore={list.loadMore}>
      {search && <ScopeText scope={search} />}
    </ListFoot>
  );
}

function ScopeText({ scope }: { scope: SearchScope }) {
  const since = scope.oldest_at ? `, back to ${localDate(Date.parse(scope.oldest_at))}` : '';
  return (
    <span>
      {scope.is_capped
        ? `The words were looked for in the newest ${count(scope.rows)} jobs${since}. Older ones were not searched; a time range or a workflow reaches further back.`
        : `The words were looked for in all ${count(scope.rows)} jobs${since}.`}
    </span>
  );
}

function ColumnChooser({ columns }: { columns: readonly string[] }) {
  const { path, query } = usePlace();
  const toggle = (key: string) => {
    const next = COLUMNS.map((column) => column.key).filter((other) =>
      other === key ? !columns.includes(key) : columns.includes(other),
    );
    const text = changedQuery(query, { columns: columnsText(next) }).toString();
    navigate(hrefTo(path, Object.fromEntries(new URLSearchParams(text))), true);
  };
  return (
    <Menu
      label="Columns"
      class="align-end"
      button={
        <>
          <Icon name="columns" /> Columns
        </>
      }
    >
      {() =>
        COLUMNS.map(({ key, label }) => (
          <label key={key} class="check">
            <input type="checkbox" checked={columns.includes(key)} disabled={isFixed(key)} onChange={() => toggle(key)} />
            {label}
          </label>
        ))
      }
    </Menu>
  );
}
