// Which programs may start jobs, and which of them still do? For admins.
import { useState } from 'preact/hooks';
import type { ApiKey, ShownApiKey } from '../admin-types.ts';
import { createApiKey, fetchApiKeys, fetchWorkflows, revokeApiKey } from '../admin.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { AdminOnly } from '../ui/AdminOnly.tsx';
import { ActionButton } from '../ui/ActionButton.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Confirm, Dialog } from '../ui/Dialog.tsx';
import { ProblemLine, TextField } from '../ui/Field.tsx';
import { FormDialog } from '../ui/FormDialog.tsx';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Cell, PlainTable, RowHead } from '../ui/PlainTable.tsx';
import { Mark } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { useSend } from '../useSend.ts';

type Asked = { what: 'make' } | { what: 'shown'; made: ShownApiKey } | { what: 'revoke'; key: ApiKey };

export function KeysPage() {
  return (
    <AdminOnly title="Keys">
      <KeyList />
    </AdminOnly>
  );
}

function KeyList() {
  const { tenant } = useViewer();
  const { view, reload } = useView(`keys|${tenant ?? ''}`, (signal) => fetchApiKeys(tenant, signal));
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const made = (key: ShownApiKey) => {
    setAsked({ what: 'shown', made: key });
    reload();
  };
  const revoked = (key: ApiKey) => {
    close();
    showToast(`${key.name} opens nothing any more.`, 'good');
    reload();
  };
  const make = view.state === 'ready' && (
    <button type="button" class="button is-main" onClick={() => setAsked({ what: 'make' })}>
      <Icon name="plus" /> Make a key
    </button>
  );
  return (
    <Page title="Keys" actions={make}>
      <p class="lead">With a key, a program of yours starts jobs: each key for its own program, so that one can go alone.</p>
      <Show view={view} reload={reload} skeleton={<Skeleton rows={3} height={52} />}>
        {({ api_keys }) => (
          <>
            {api_keys.length === 0 ? (
              <Empty title="There is no key yet.">None is needed for what the connected systems start by themselves.</Empty>
            ) : (
              <div class="card">
                <KeyTable keys={api_keys} onRevoke={(key) => setAsked({ what: 'revoke', key })} />
              </div>
            )}
            {asked?.what === 'make' && <MakeKey onClose={close} onMade={made} />}
            {asked?.what === 'shown' && <ShownKey made={asked.made} onClose={close} />}
            {asked?.what === 'revoke' && <Revoke apiKey={asked.key} onClose={close} onDone={revoked} />}
          </>
        )}
      </Show>
    </Page>
  );
}

function KeyTable({ keys, onRevoke }: { keys: readonly ApiKey[]; onRevoke: (key: ApiKey) => void }) {
  return (
    <PlainTable label="Keys" hasActions columns={['Name', 'Opens', 'Made', 'Last used', 'State']}>
      {keys.map((key) => (
        <tr role="row" key={key.api_key_id} class={key.revoked_at === null ? '' : 'is-past'}>
          <RowHead>
            <Line text={key.name} most={100} />
          </RowHead>
          <Cell label="Opens">
            <Opens jobTypes={key.job_types} />
          </Cell>
          <Cell label="Made">
            <Made apiKey={key} />
          </Cell>
          <Cell label="Last used">
            {key.last_used_at === null ? <span class="muted">never</span> : <RelativeTime at={key.last_used_at} isStop />}
          </Cell>
          <Cell class="row-actions">
            {key.revoked_at === null ? (
              <ActionButton isSmall whyNot={null} label={`Revoke ${key.name}`} onPress={() => onRevoke(key)}>
                Revoke
              </ActionButton>
            ) : (
              <>
                <Mark tone="quiet" word="Revoked" />
                <span class="muted small">
                  <RelativeTime at={key.revoked_at} isStop />
                </span>
              </>
            )}
          </Cell>
        </tr>
      ))}
    </PlainTable>
  );
}

function Made({ apiKey: { created_at, created_by } }: { apiKey: ApiKey }) {
  return (
    <span>
      <RelativeTime at={created_at} isStop />
      {created_by !== null && (
        <span class="muted">
          {' '}
          by <Line text={created_by} most={120} />
        </span>
      )}
    </span>
  );
}

function Opens({ jobTypes }: { jobTypes: readonly string[] | null }) {
  if (jobTypes === null) return <>All triggers; cancel, retry and replay</>;
  return (
    <ul>
      {jobTypes.map((jobType) => (
        <li key={jobType}>
          <Line text={jobType} most={80} />
        </li>
      ))}
    </ul>
  );
}

function MakeKey({ onClose, onMade }: { onClose: () => void; onMade: (made: ShownApiKey) => void }) {
  const { tenant } = useViewer();
  const { view, reload } = useView(`set-up|${tenant ?? ''}`, (signal) => fetchWorkflows(tenant, signal));
  const [name, setName] = useState('');
  const [isForAll, setForAll] = useState(true);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const sending = useSend(['name', 'job_types']);
  const toggle = (jobType: string, isOn: boolean) =>
    setChosen(isOn ? [...chosen, jobType] : chosen.filter((other) => other !== jobType));
  const submit = async () => {
    onMade(await createApiKey(tenant, { name: name.trim(), job_types: isForAll ? null : [...chosen] }));
  };
  const problem = sending.problemOf('job_types');
  return (
    <FormDialog title="Make a key" submitLabel="Make key" sending={sending} onSubmit={submit} onClose={onClose}>
      <TextField
        label="Name"
        help="Which program is it for?"
        maxLength={100}
        value={name}
        onInput={setName}
        problem={sending.problemOf('name')}
        isFirst
      />
      <fieldset class="choices">
        <legend>What it opens</legend>
        <label class="check">
          <input type="radio" name="opens" checked={isForAll} onChange={() => setForAll(true)} />
          All triggers, and to cancel, retry and replay
        </label>
        <label class="check">
          <input type="radio" name="opens" checked={!isForAll} onChange={() => setForAll(false)} />
          Only the triggers of
        </label>
        {!isForAll && (
          <Show view={view} reload={reload} skeleton={<Skeleton rows={3} height={28} />}>
            {({ workflows }) => (
              <div class="choices is-below" role="group" aria-label="Triggers">
                {workflows.map(({ job_type }) => (
                  <label class="check" key={job_type}>
                    <input
                      type="checkbox"
                      checked={chosen.includes(job_type)}
                      onChange={(event) => toggle(job_type, event.currentTarget.checked)}
                    />
                    {job_type}
                  </label>
                ))}
              </div>
            )}
          </Show>
        )}
        {problem !== null && <ProblemLine text={problem} />}
      </fieldset>
    </FormDialog>
  );
}

/** The key is in this dialog only, and nowhere once it is closed. */
function ShownKey({ made, onClose }: { made: ShownApiKey; onClose: () => void }) {
  return (
    <Dialog title="Your new key" onClose={onClose}>
      <div class="dialog-text">
        <p>
          Copy it now into <Line text={made.api_key.name} most={100} />. It is shown this once; nobody can look it up later.
        </p>
        <p class="secret">
          <code>{made.key}</code>
          <CopyButton text={() => made.key} label="Copy the key" />
        </p>
        <p class="muted">Whoever has it can start what it opens. If it gets into wrong hands, revoke it.</p>
      </div>
      <footer>
        <button type="button" class="button is-main" onClick={onClose}>
          I have it
        </button>
      </footer>
    </Dialog>
  );
}

interface RevokeProps {
  apiKey: ApiKey;
  onClose: () => void;
  onDone: (key: ApiKey) => void;
}

function Revoke({ apiKey, onClose, onDone }: RevokeProps) {
  const { tenant } = useViewer();
  const confirm = async () => {
    await revokeApiKey(tenant, apiKey.api_key_id);
    onDone(apiKey);
  };
  return (
    <Confirm
      title="Revoke this key?"
      confirmLabel="Revoke"
      isDangerous
      onConfirm={confirm}
      onClose={onClose}
    >
      <p>
        <strong>
          <Line text={apiKey.name} most={100} />
        </strong>
      </p>
      <p>The program that has it is refused from its next call on. A revoked key cannot come back; make a new one then.</p>
    </Confirm>
  );
}
