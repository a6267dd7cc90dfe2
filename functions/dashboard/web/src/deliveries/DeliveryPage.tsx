// A delivery as it came: headers, body, and the jobs that followed from each of its events.
import { useState } from 'preact/hooks';
import type { Delivery, Event as DeliveryEvent } from '../api-types.ts';
import { fetchDelivery, postAction } from '../api.ts';
import { useView } from '../load.ts';
import { useViewer, whyReadOnly } from '../me.ts';
import { usePlace } from '../router.ts';
import { providerName, shortId } from '../text.ts';
import { bytes } from '../time.ts';
import { ActionButton } from '../ui/ActionButton.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { Card, Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { JsonTree } from '../ui/JsonTree.tsx';
import { Link } from '../ui/Link.tsx';
import { EventJobStatus, Mark } from '../ui/Status.tsx';
import { Block, Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { Fact } from '../ui/Fact.tsx';
import { nameOf } from '../jobs/jobs.ts';
import { bodyOf, OUTCOMES } from './deliveries.ts';

export function DeliveryPage({ id }: { id: string }) {
  const { tenant } = useViewer();
  const { view, reload } = useView(`delivery|${tenant ?? ''}|${id}`, (signal) => fetchDelivery(id, tenant, signal));
  const delivery = view.state === 'ready' ? view.data : null;
  const name = delivery ? `${providerName(delivery.provider)} ${shortId(id)}` : `Delivery ${shortId(id)}`;
  return (
    <Page
      title={name}
      crumbs={[{ label: 'Deliveries', href: '/deliveries' }, { label: name }]}
      heading={
        <>
          {name}
          {delivery && <Mark {...OUTCOMES[delivery.outcome]} tip={OUTCOMES[delivery.outcome].meaning} />}
        </>
      }
      actions={delivery && <Replay delivery={delivery} onDone={reload} />}
    >
      <Show view={view} reload={reload} skeleton={<Skeleton rows={4} height={90} />}>
        {(shown) => <Body delivery={shown} />}
      </Show>
    </Page>
  );
}

function Body({ delivery }: { delivery: Delivery }) {
  const headers = Object.entries(delivery.headers);
  return (
    <>
      <dl class="fact-line">
        <Fact label="Received">
          <RelativeTime at={delivery.received_at} isStop />
        </Fact>
        <Fact label="Signature">
          {delivery.signature_verified ? (
            <span class="status is-good">
              <Icon name="shield" /> Verified
            </span>
          ) : (
            'Not verified'
          )}
        </Fact>
        <Fact label="Events">
          {delivery.event_count}
          <span class="muted">, {delivery.new_event_count} new</span>
        </Fact>
        <Fact label="Size">{bytes(delivery.size_bytes)}</Fact>
        <Fact label="Delivery id">
          <code class="id" data-tip={delivery.delivery_id}>
            {shortId(delivery.delivery_id)}
          </code>
          <CopyButton text={() => delivery.delivery_id} label="Copy delivery id" />
        </Fact>
      </dl>
      {delivery.note !== null && (
        <p class="note">
          <Icon name="NOTHING_TO_DO" />
          <Line text={delivery.note} most={400} />
        </p>
      )}
      <Card title="Events">
        {delivery.events.length === 0 ? (
          <Empty title="It carried no event." />
        ) : (
          <ul class="entries">
            {delivery.events.map((event) => (
              <EventEntry key={event.event_id} event={event} />
            ))}
          </ul>
        )}
      </Card>
      <Card title="Body" aside={delivery.is_truncated ? 'the first 256 KiB' : undefined}>
        <RawBody delivery={delivery} />
      </Card>
      <Card title="Headers" aside="without the signature and what else is secret">
        <dl class="pairs is-mono">
          {headers.map(([name, value]) => (
            <div key={name}>
              <dt>
                <Line text={name} most={80} />
              </dt>
              <dd>
                <Line text={value} most={400} />
              </dd>
            </div>
          ))}
        </dl>
      </Card>
    </>
  );
}

function EventEntry({ event }: { event: DeliveryEvent }) {
  const { hash } = usePlace();
  const anchor = `event-${event.event_id}`;
  return (
    <li id={anchor} class={hash === anchor ? 'is-target' : ''}>
      <div class="entry-head">
        <span class="entry-title">
          <Line text={`${event.category} ${event.action}`} most={80} />{' '}
          <span class="muted">
            <Line text={event.resource_id} most={60} />
          </span>
        </span>
        <span class="muted small">
          <RelativeTime at={event.occurred_at ?? event.received_at} isStop />
        </span>
      </div>
      {event.jobs.map((job) => (
        <p key={job.job_id} class="entry-job">
          <EventJobStatus job={job} />
          <Link href={`/jobs/${job.job_id}`}>
            <Line text={nameOf(job)} most={80} />
          </Link>
          <span class="muted small">{job.job_type}</span>
        </p>
      ))}
      {event.unhandled !== null && (
        <p class="muted small">
          <Line text={event.unhandled} most={300} />
        </p>
      )}
      <details class="fold">
        <summary>Payload</summary>
        <JsonTree value={event.payload} label="payload" />
      </details>
    </li>
  );
}

function RawBody({ delivery }: { delivery: Delivery }) {
  const body = bodyOf(delivery);
  switch (body.kind) {
    case 'none':
      return <Empty title="The body was empty." />;
    case 'json':
      return <JsonTree value={body.value} label="body" />;
    case 'text':
      return (
        <>
          {delivery.body_encoding === 'base64' && <p class="muted small">It is no text: shown as Base64.</p>}
          <Block text={body.text} label="Body" />
        </>
      );
  }
}

/** Reads the delivery once more: what began no job then begins it now. */
function Replay({ delivery, onDone }: { delivery: Delivery; onDone: () => void }) {
  const viewer = useViewer();
  const [isAsked, setAsked] = useState(false);
  const confirm = async () => {
    const path = `/webhook/deliveries/${encodeURIComponent(delivery.delivery_id)}/replay`;
    await postAction(viewer.config.webhook_url, path);
    setAsked(false);
    showToast('The delivery was read again. What began is shown with its events.', 'good');
    onDone();
  };
  return (
    <>
      <ActionButton whyNot={whyReadOnly(viewer)} onPress={() => setAsked(true)}>
        <Icon name="retry" /> Replay
      </ActionButton>
      {isAsked && (
        <Confirm
          title="Replay this delivery?"
          confirmLabel="Replay"
          onConfirm={confirm}
          onClose={() => setAsked(false)}
        >
          <p>It is read as if it came now. Events that began a job before begin none again.</p>
        </Confirm>
      )}
    </>
  );
}
