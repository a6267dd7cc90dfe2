// A connected account: how it is, how busy, and what an admin can do about it.
import { useState } from 'preact/hooks';
import { disconnect } from '../admin.ts';
import type { Connection } from '../api-types.ts';
import { useViewer, whyNotAdmin } from '../me.ts';
import { providerName } from '../text.ts';
import { count, duration } from '../time.ts';
import { ActionButton } from '../ui/ActionButton.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { Mark, type Tone } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { endOf } from './arrivals.ts';
import type { Connecting } from './Connect.tsx';

export const CONNECTION_STATES: Record<Connection['state'], { tone: Tone; word: string; meaning: string }> = {
  HEALTHY: { tone: 'good', word: 'Healthy', meaning: 'The provider lets us in.' },
  NEEDS_AUTHORISATION: {
    tone: 'bad',
    word: 'Needs authorisation',
    meaning: 'The provider does not let us in any more: an admin has to connect it again.',
  },
  RATE_LIMITED: { tone: 'warn', word: 'Rate-limited', meaning: 'The provider wants fewer calls; jobs wait by themselves.' },
};

interface Props {
  connection: Connection;
  /** How many jobs of the tenant wait for an authorisation. */
  waiting: number;
  connecting: Connecting;
  onChange: () => void;
}

export function ConnectionTile({ connection, waiting, connecting, onChange }: Props) {
  const { tone, word, meaning } = CONNECTION_STATES[connection.state];
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
          {waitingText(waiting)}
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
      <TileActions connection={connection} connecting={connecting} onChange={onChange} />
    </li>
  );
}

/** Of whichever connection: a job waits for all that it needs. */
function waitingText(waiting: number): string {
  if (waiting === 0) return 'No job waits for an authorisation yet.';
  if (waiting === 1) return '1 job waits for an authorisation; it then goes on by itself.';
  return `${count(waiting)} jobs wait for an authorisation; they then go on by themselves.`;
}

function TileActions({ connection, connecting, onChange }: Omit<Props, 'waiting'>) {
  const viewer = useViewer();
  const [isAsked, setAsked] = useState(false);
  const { provider, account_id, account_name } = connection;
  const name = `${providerName(provider)}, ${account_name}`;
  const again = () => (provider === 'shopify' ? connecting.connect(provider, account_id) : connecting.connect(provider));
  return (
    <div class="tile-actions">
      {connection.state === 'NEEDS_AUTHORISATION' && (
        <ActionButton isSmall isMain whyNot={connecting.whyNot(provider)} label={`Authorise ${name} again`} onPress={again}>
          Authorise again
        </ActionButton>
      )}
      <ActionButton isSmall whyNot={whyNotAdmin(viewer)} label={`Disconnect ${name}`} onPress={() => setAsked(true)}>
        Disconnect
      </ActionButton>
      {isAsked && (
        <Disconnect
          connection={connection}
          onClose={() => setAsked(false)}
          onDone={() => {
            setAsked(false);
            onChange();
          }}
        />
      )}
    </div>
  );
}

interface DisconnectProps {
  connection: Connection;
  onClose: () => void;
  onDone: () => void;
}

function Disconnect({ connection, onClose, onDone }: DisconnectProps) {
  const { tenant } = useViewer();
  const name = providerName(connection.provider);
  const confirm = async () => {
    await disconnect(tenant, connection.connection_id);
    showToast(`${name}, ${connection.account_name}: disconnected.`, 'good');
    onDone();
  };
  return (
    <Confirm
      title={`Disconnect ${name}?`}
      confirmLabel="Disconnect"
      isDangerous
      onConfirm={confirm}
      onClose={onClose}
    >
      <p>
        <strong>
          <Line text={connection.account_name} most={80} />
        </strong>
      </p>
      <p>
        Zixly gives its access back at {name} and forgets the tokens. {endOf(connection.provider)} What was written stays
        written, and the jobs of the past stay to be seen.
      </p>
    </Confirm>
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
