// What the connected systems sent, and what became of it.
import type { DeliveryPage as Page_, DeliverySummary } from '../api-types.ts';
import { fetchDeliveries } from '../api.ts';
import { useViewer } from '../me.ts';
import { usePages } from '../pages.ts';
import { setQuery, usePlace } from '../router.ts';
import { providerName, shortId } from '../text.ts';
import { bytes, rangeBounds, rangeFrom } from '../time.ts';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Link } from '../ui/Link.tsx';
import { ListFoot } from '../ui/ListFoot.tsx';
import { RangePicker } from '../ui/RangePicker.tsx';
import { Mark } from '../ui/Status.tsx';
import { Table, type TableColumn } from '../ui/Table.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { isOutcome, OUTCOMES } from './deliveries.ts';

const SENDERS = ['xero', 'hubspot', 'shopify', 'asana'];

const COLUMNS: ReadonlyArray<TableColumn<DeliverySummary>> = [
  { key: 'outcome', label: 'Outcome', width: '120px', narrow: 'end', show: (delivery) => <Outcome of={delivery} /> },
  {
    key: 'delivery',
    label: 'Delivery',
    width: '104px',
    narrow: 'title',
    show: (delivery) => (
      <Link href={`/deliveries/${delivery.delivery_id}`} class="row-link">
        <code class="id">{shortId(delivery.delivery_id)}</code>
      </Link>
    ),
  },
  {
    key: 'provider',
    label: 'Provider',
    width: '110px',
    narrow: 'below',
    show: (delivery) => providerName(delivery.provider),
  },
  { key: 'events', label: 'Events', width: '120px', show: (delivery) => <EventCount of={delivery} /> },
  {
    key: 'note',
    label: 'Note',
    width: 'minmax(0, 1fr)',
    show: (delivery) => delivery.note && <Line text={delivery.note} />,
  },
  { key: 'size', label: 'Size', width: '84px', isNumber: true, show: (delivery) => bytes(delivery.size_bytes) },
  {
    key: 'received',
    label: 'Received',
    width: '104px',
    narrow: 'below-end',
    isNumber: true,
    show: (delivery) => <RelativeTime at={delivery.received_at} />,
  },
];

export function DeliveriesPage() {
  const { tenant } = useViewer();
  const { query } = usePlace();
  const provider = query.get('provider');
  const outcome = query.get('outcome');
  const range = rangeFrom(query, '');
  const list = usePages<Page_>(
    `deliveries|${tenant ?? ''}|${query.toString()}`,
    (cursor, signal) =>
      fetchDeliveries(
        {
          tenant,
          provider,
          outcome: isOutcome(outcome) ? outcome : null,
          ...rangeBounds(range, Date.now()),
          limit: '100',
          cursor,
        },
        signal,
      ),
    (shown, next) => ({ ...next, deliveries: [...shown.deliveries, ...next.deliveries] }),
    (_, first) => first,
  );
  const isFiltered = provider !== null || outcome !== null || query.has('range') || query.has('from');
  return (
    <Page title="Deliveries">
      <div class="filters">
        <Select name="provider" label="Provider" any="Any provider" value={provider} options={SENDERS} wordOf={providerName} />
        <Select
          name="outcome"
          label="Outcome"
          any="Any outcome"
          value={outcome}
          options={Object.keys(OUTCOMES)}
          wordOf={(name) => (isOutcome(name) ? OUTCOMES[name].word : name)}
        />
        <RangePicker range={range} anyLabel="Any time" />
      </div>
      <Show view={list.view} reload={list.reload} skeleton={<Skeleton rows={14} />}>
        {({ deliveries, next_cursor }) =>
          deliveries.length === 0 ? (
            <Empty title={isFiltered ? 'No delivery is like that.' : 'No deliveries yet.'}>
              Only what came with a correct signature is kept, and for a limited time.
            </Empty>
          ) : (
            <>
              <Table
                label="Deliveries"
                columns={COLUMNS}
                rows={deliveries}
                keyOf={(delivery) => delivery.delivery_id}
                hrefOf={(delivery) => `/deliveries/${delivery.delivery_id}`}
                onNearEnd={list.more.error ? undefined : list.loadMore}
              />
              <ListFoot
                shown={deliveries.length}
                hasMore={next_cursor !== null}
                more={list.more}
                onMore={list.loadMore}
              />
            </>
          )
        }
      </Show>
    </Page>
  );
}

function Outcome({ of }: { of: DeliverySummary }) {
  const { tone, word, meaning } = OUTCOMES[of.outcome];
  return <Mark tone={tone} word={word} tip={meaning} />;
}

function EventCount({ of }: { of: DeliverySummary }) {
  if (of.event_count === 0) return <span class="muted">none</span>;
  return (
    <>
      {of.event_count}
      <span class="muted">, {of.new_event_count} new</span>
    </>
  );
}

interface SelectProps {
  name: string;
  label: string;
  any: string;
  value: string | null;
  options: readonly string[];
  wordOf: (option: string) => string;
}

function Select({ name, label, any, value, options, wordOf }: SelectProps) {
  return (
    <label class="select">
      <span class="sr-only">{label}</span>
      <select value={value ?? ''} onChange={(event) => setQuery({ [name]: event.currentTarget.value || null })}>
        <option value="">{any}</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {wordOf(option)}
          </option>
        ))}
      </select>
    </label>
  );
}
